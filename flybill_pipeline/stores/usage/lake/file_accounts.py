"""What became of each landed file's records and events, counted in the lake. What must be equal, billing says."""

# ruff: noqa: S608 - DuckDB takes no parameters for files; paths are our own and quoted

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import func, select

from flybill_pipeline.billing.usage.aliases import WAITING
from flybill_pipeline.billing.usage.file_accounts import FileAccount
from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.stores.usage.lake.days import counted_rows
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.lake.tables import restated_pieces, usage_pieces

_KINDS = {"duplicate": "repeated", "conflict": "conflicting", "replaced": "replaced", "too_large": "too_large"}


class FileAccounts:
    """The accounts of the files in `lake`."""

    def __init__(self, lake: UsageLake) -> None:
        self._lake = lake

    def of_days(self, days: Sequence[date]) -> list[FileAccount]:
        """The account of each file that has events of `days`, as they were last recorded, in order of arrival."""
        manifests = list(self._lake.catalog.manifests(days).values())
        parts: dict[int, Counter[str]] = defaultdict(Counter)
        for counts in (self._pieces(manifests), self._aside(days), self._excluded(manifests), self._counted(manifests)):
            for arrival, found in counts.items():
                parts[arrival].update(found)
        files = {row.arrival: row for row in self._lake.catalog.files()}
        return [
            FileAccount(
                source=files[arrival].source,
                path=files[arrival].path,
                read=files[arrival].records,
                told=files[arrival].records_told,
                left_out=files[arrival].left_out or 0,
                rejected=sum((files[arrival].quarantined or {}).values()),
                **parts[arrival],
            )
            for arrival in sorted(parts)
        ]

    def agree_with_totals(self, days: Sequence[date], accounts: Sequence[FileAccount]) -> bool:
        """Whether the totals of `days` are made of as many events as count, unless a day is to be summed again."""
        if set(days) & set(self._lake.catalog.days_to_record()):
            return True
        paths = list(self._lake.catalog.rollups(days).values())
        summed = self._lake.rows(paths, "select coalesce(sum(events), 0)::bigint from {rows}", [])
        return bool(sum(count for (count,) in summed) == sum(each.counted + each.waiting for each in accounts))

    def _pieces(self, manifests: Sequence[Manifest]) -> Mapping[int, Counter[str]]:
        named = [path for manifest in manifests for path in manifest.pieces]
        query = (
            select(usage_pieces.c.arrival, func.sum(usage_pieces.c.rows).label("rows"))
            .where(usage_pieces.c.path.in_(named))
            .group_by(usage_pieces.c.arrival)
        )
        with self._lake.catalog.engine.connect() as connection:
            return {row.arrival: Counter(events=int(row.rows)) for row in connection.execute(query)}

    def _aside(self, days: Sequence[date]) -> Mapping[int, Counter[str]]:
        """Events for which a newer file of the whole period stands."""
        piece = restated_pieces.c
        query = select(piece.arrival, func.sum(piece.rows).label("rows")).where(piece.day.in_(days))
        with self._lake.catalog.engine.connect() as connection:
            rows = connection.execute(query.group_by(piece.arrival)).all()
        return {row.arrival: Counter(events=int(row.rows), replaced=int(row.rows)) for row in rows}

    def _excluded(self, manifests: Sequence[Manifest]) -> Mapping[int, Counter[str]]:
        paths = [manifest.excluded_path for manifest in manifests if manifest.excluded_path is not None]
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        query = "select arrival, kind, count(*) from {rows} group by all"
        for arrival, kind, count in self._lake.rows(paths, query, []):
            counts[arrival][_KINDS[kind]] += count
        return counts

    def _counted(self, manifests: Sequence[Manifest]) -> Mapping[int, Counter[str]]:
        self._lake.guard.require([file for manifest in manifests for file in manifest.files], contents=False)
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        for manifest in manifests:
            waits = f"starts_with(org_id, '{WAITING}')" if manifest.owners else "false"
            query = f"""select arrival, {waits} as waits, count(*) from ({counted_rows(self._lake.root, manifest)})
                        group by all"""
            for arrival, waiting, count in self._lake.query(query, []):
                counts[arrival]["waiting" if waiting else "counted"] += count
        return counts
