"""Keeps the tables small: old snapshots expire, manifests are merged, files that nothing names are swept. No data goes.

Who calls holds the lock of publishing: in our own catalog nobody else writes metadata then.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyiceberg.table import Table

from flybill_pipeline.stores.usage.published.catalogs import path_of

KEPT = timedelta(days=3)
"""A reader that began on a snapshot may go on with it for so long; what is tagged stays."""
A_DAY_OF_HOURS = 24
MANY_MANIFESTS = 50


def keep_small(table: Table, now: datetime, *, ours: bool) -> int:
    """Expires and sweeps what is due, in one go for a day of hourly commits; returns how many files went.

    Metadata of no commit is swept where the catalog is `ours`: another one's server may be about to name it.
    """
    swept, before = _sweep_unfinished(table) if ours else 0, now - KEPT
    if len(_due(table, before)) < A_DAY_OF_HOURS:
        return swept
    _merge(table)
    table.maintenance.expire_snapshots().by_ids(_due(table, before)).commit()
    table.refresh()
    return swept + _sweep(table, before)


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
    with transaction.update_snapshot(snapshot_properties=own).merge_append():
        pass
    transaction.commit_transaction()


def _sweep_unfinished(table: Table) -> int:
    """Metadata of no commit: a process ended before it. Who lists the folder may take it for the newest."""
    named = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    return _unlinked(file for file in _files(table, "*.metadata.json") if file not in set(map(path_of, named)))


def _sweep(table: Table, before: datetime) -> int:
    named = set()
    for snapshot in table.snapshots():
        named.add(path_of(snapshot.manifest_list))
        named |= {path_of(manifest.manifest_path) for manifest in snapshot.manifests(table.io)}
    return _unlinked(file for file in _files(table, "*.avro") if file not in named and _written(file) < before)


def _files(table: Table, pattern: str) -> list[Path]:
    return sorted(path_of(table.metadata_location).parent.glob(pattern))


def _written(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _unlinked(files: Iterable[Path]) -> int:
    gone = list(files)
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)
