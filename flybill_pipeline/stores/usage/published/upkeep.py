"""Keeps the tables small: old snapshots expire, manifests are merged, files that nothing names are swept. No data goes.

Who calls holds the lock of publishing: in our own catalog nobody else writes metadata then.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyiceberg.table import Table

from flybill_pipeline.stores.usage.lake.storage import Storage
from flybill_pipeline.stores.usage.published.catalogs import metadata_folder

KEPT = timedelta(days=3)
"""A reader that began on a snapshot may go on with it for so long; what is tagged stays."""
A_DAY_OF_HOURS = 24
MANY_MANIFESTS = 20
"""All of them are read at each commit, and each commit adds one or two."""
MERGING = {"commit.manifest-merge.enabled": "true", "commit.manifest.min-count-to-merge": "2"}
"""Else pyiceberg merges none. Said when it is done, so that tables of older versions are kept small too."""


def keep_small(table: Table, storage: Storage, now: datetime, *, ours: bool) -> int:
    """Merges manifests; expires and sweeps what is due, in one go for a day of hourly commits. Returns how many files
    went.

    Metadata of no commit is swept where the catalog is `ours`: another one's server may be about to name it.
    """
    swept, before = _sweep_unfinished(table, storage) if ours else 0, now - KEPT
    _merge(table)
    if len(_due(table, before)) < A_DAY_OF_HOURS:
        return swept
    table.maintenance.expire_snapshots().by_ids(_due(table, before)).commit()
    table.refresh()
    return swept + _sweep(table, storage, before)


def _due(table: Table, before: datetime) -> list[int]:
    """The snapshots from before then that no tag keeps."""
    kept = {ref.snapshot_id for ref in table.refs().values()}
    old = [each.snapshot_id for each in table.snapshots() if each.timestamp_ms < before.timestamp() * 1000]
    return [snapshot for snapshot in old if snapshot not in kept]


def _merge(table: Table) -> None:
    """Manifests that name only what is gone are dropped, small ones become one. The files are the same."""
    snapshot = table.current_snapshot()
    if snapshot is None or len(snapshot.manifests(table.io)) < MANY_MANIFESTS:
        return
    says = dict(snapshot.summary.additional_properties) if snapshot.summary else {}
    own = {name: said for name, said in says.items() if name.startswith("flybill.")}
    transaction = table.transaction()
    transaction.set_properties(MERGING)
    with transaction.update_snapshot(snapshot_properties=own).merge_append():
        pass
    transaction.commit_transaction()


def _sweep_unfinished(table: Table, storage: Storage) -> int:
    """Metadata of no commit: a process ended before it. Who lists the folder may take it for the newest."""
    named = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    return _removed(storage, [path for path, _ in _files(table, storage, ".metadata.json", named)])


def _sweep(table: Table, storage: Storage, before: datetime) -> int:
    named = set()
    for snapshot in table.snapshots():
        named.add(snapshot.manifest_list)
        named |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
    return _removed(storage, [path for path, at in _files(table, storage, ".avro", named) if at < before])


def _files(table: Table, storage: Storage, ending: str, named: set[str]) -> list[tuple[str, datetime]]:
    """The files of metadata that end so and are not `named`, and when they were written."""
    there = storage.written(metadata_folder(table)).items()
    return [(path, at) for path, at in there if path.endswith(ending) and storage.address(path) not in named]


def _removed(storage: Storage, paths: Sequence[str]) -> int:
    storage.remove(paths)
    return len(paths)
