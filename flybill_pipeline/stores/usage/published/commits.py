"""Brings a table to the files that it is to hold, in one snapshot: what is gone goes, what is new comes. Or a tag.

A table is compared with what it is to hold: nothing is remembered, so whatever broke off is made up for.
"""

import hashlib
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO

from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType

from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.lake.storage import Storage

FILES = "flybill.files"
"""In a snapshot's summary: a hash of the files that it holds."""
PRICED_FROM = "flybill.priced-from"
"""In the summary of a tagged snapshot: what invoices name as that which they were priced from."""

Files = Mapping[str, int | None]


def bring(table: Table, storage: Storage, files: Files) -> int:
    """Makes the table hold just `files`, of the lake in `storage`; returns how many went and came."""
    hashed = _hash(files)
    snapshot = table.current_snapshot()
    if snapshot is not None and _said(table, snapshot.snapshot_id, FILES) == hashed:
        return 0
    gone, new = _difference(table, storage, files)
    if not gone and not new:
        return 0
    _commit(table, gone, new, {FILES: hashed}, MAIN_BRANCH)
    return len(gone) + len(new)


def tag(table: Table, storage: Storage, files: Files, name: str, priced_from: str) -> None:
    """Keeps `files` for good under the tag `name`; nobody reads them there by mistake."""
    gone, new = _difference(table, storage, files)
    snapshot_id = _commit(table, gone, new, {FILES: _hash(files), PRICED_FROM: priced_from}, None)
    table.manage_snapshots().create_tag(snapshot_id, name).commit()


def tags(table: Table) -> dict[str, str]:
    """What months were priced from → the tag that keeps it."""
    kept = {name: ref for name, ref in table.refs().items() if ref.snapshot_ref_type == SnapshotRefType.TAG}
    said = {name: _said(table, ref.snapshot_id, PRICED_FROM) for name, ref in kept.items()}
    return {priced_from: name for name, priced_from in said.items() if priced_from is not None}


def held(table: Table) -> dict[str, DataFile]:
    """The files of the table, by their addresses."""
    return {task.file.file_path: task.file for task in table.scan().plan_files()}


def _difference(table: Table, storage: Storage, files: Files) -> tuple[list[DataFile], list[str]]:
    """A file of another size is another file: it was made again, and readers find its end by its size."""
    there = held(table)
    wanted = {storage.address(path): size for path, size in files.items()}
    same = {
        place for place, size in wanted.items() if place in there and size in (None, there[place].file_size_in_bytes)
    }
    return [file for place, file in there.items() if place not in same], [p for p in wanted if p not in same]


def _commit(table: Table, gone: list[DataFile], new: list[str], says: dict[str, str], branch: str | None) -> int:
    transaction = table.transaction()
    with transaction.update_snapshot(snapshot_properties=says, branch=branch).overwrite() as snapshot:
        for file in gone:
            snapshot.delete_data_file(file)
        for place in new:
            snapshot.append_data_file(_described(table, place))
    transaction.commit_transaction()
    return snapshot.snapshot_id


def _described(table: Table, place: str) -> DataFile:
    """What readers need to know of a file. Raises LakeError when it does not fit the table."""
    try:
        with redirect_stdout(StringIO()):  # where pyiceberg prints what does not fit
            return parquet_file_to_data_file(table.io, table.metadata, place)
    except ValueError:
        raise LakeError(
            f"{place.removeprefix('file://')} does not fit the table {'.'.join(table.name())}: one of its columns has "
            "another type, so the table stays as it was. Bills are made of the file all the same. Land what it came "
            "from again"
        ) from None


def _said(table: Table, snapshot_id: int, name: str) -> str | None:
    snapshot = table.snapshot_by_id(snapshot_id)
    if snapshot is None or snapshot.summary is None:
        return None
    return snapshot.summary.additional_properties.get(name)


def _hash(files: Files) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
