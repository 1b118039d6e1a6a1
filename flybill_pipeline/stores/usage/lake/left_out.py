"""Shows rows that were read and do not count, or not yet: an id with two contents, an alias without an owner.

Which rows do not count, the days of the lake have on record; only where some are shown are events read.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files; paths are our own and quoted

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.usage.aliases import WAITING, waiting_alias
from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.stores.usage.lake.conditions import condition
from flybill_pipeline.stores.usage.lake.lake import BadRow, UsageLake


class Place(NamedTuple):
    """A row of a landed file, and what it says. `dimensions` is canonical JSON, `occurred_at` is UTC."""

    file: str
    row: int
    org_id: str
    meter: str
    dimensions: str
    quantity: Decimal
    occurred_at: datetime


class WaitingAlias(NamedTuple):
    """An alias that belongs to nobody (an account, a host, a key): how many events of it wait, and their days."""

    source: str
    alias: str
    events: int
    first_day: date
    last_day: date


class Conflict(NamedTuple):
    """An id of a source with two contents: the row that counts, which arrived first, and one that does not."""

    source: str
    event_id: str
    counts: Place
    left_out: Place


_PLACE = ("arrival", "row", "org_id", "meter", "dimensions", "quantity", "occurred_at")
_COLUMNS = ", ".join(("source", "event_id", *_PLACE))


_KINDS = {"repeats": "duplicate", "conflicts": "conflict", "replaced": "replaced", "too_large": "too_large"}


class LeftOut:
    """The rows of `lake` that were read and do not count."""

    def __init__(self, lake: UsageLake) -> None:
        self._lake = lake

    def counts(self, source: str) -> dict[str, int]:
        """How many rows of one source repeat another one, conflict with one, or have a sum that is too large."""
        days = self._lake.catalog.manifests().values()
        paths = [day.excluded_path for day in days if day.excluded_path is not None]
        query = "select kind, count(*) from {rows} where source = ? group by kind"
        counts = dict(self._lake.rows(paths, query, [source]))
        return {name: counts.get(kind, 0) for name, kind in _KINDS.items()}

    def conflicts(self, source: str | None, limit: int) -> list[Conflict]:
        """The first conflicts, up to `limit`, the newest day's first; of one source when it is given."""
        days = [manifest for manifest in self._lake.catalog.manifests().values() if manifest.conflicts]
        if not days or not limit:
            return []
        where, parameters = condition({"source = ?": source})
        query = _conflicts_query(
            self._lake.file_rows([day.excluded_path for day in days if day.excluded_path]),
            self._lake.file_rows(self._pieces_of(days)),
            f"kind = 'conflict' and {where}",
            limit,
        )
        files = {file.arrival: file.path for file in self._lake.catalog.files()}
        return [
            Conflict(source, event_id, _place(files, row[: len(_PLACE)]), _place(files, row[len(_PLACE) :]))
            for source, event_id, *row in self._lake.query(query, parameters)
        ]

    def _pieces_of(self, days: Sequence[Manifest]) -> Sequence[str]:
        """Where the rows that count stand: an id that counts on another day may stand in any piece."""
        if any(day.exclusions for day in days):
            return self._lake.catalog.all_pieces()
        return [piece for day in days for piece in day.pieces]

    def too_large(self, source: str | None) -> Iterator[BadRow]:
        """The rows whose day has more of their org's meter than can be billed."""
        days = [day for day, manifest in self._lake.catalog.manifests().items() if manifest.too_large]
        files = {file.arrival: file.path for file in self._lake.catalog.files()} if days else {}
        for row in self._lake.excluded(days, "too_large") if days else ():
            if source in (None, row.source):
                message = f"{row.org_id} has more {row.meter} on {row.occurred_at:%Y-%m-%d} than can be billed"
                yield BadRow(row.source, files.get(row.arrival, ""), row.row, "sum_too_large", message, None)

    def waiting(self, days: Iterable[date] | None = None, source: str | None = None) -> list[WaitingAlias]:
        """The aliases whose events of `days` (None: of all) wait for an organization, those with the most first."""
        manifests = self._lake.catalog.manifests(days)
        behind = [day for day, manifest in manifests.items() if manifest.owners and manifest.owners.waiting]
        query = f"""select org_id, sum(events)::bigint as events, min(day), max(day) from {{rows}}
            where starts_with(org_id, '{WAITING}') group by org_id order by events desc, org_id"""
        found = self._lake.rows(list(self._lake.catalog.rollups(behind).values()), query, [])
        named = [WaitingAlias(*(waiting_alias(org_id) or ("", org_id)), *rest) for org_id, *rest in found]
        return [each for each in named if source in (None, each.source)]


def _conflicts_query(excluded: str, pieces: str, where: str, limit: int) -> str:
    return f"""
        with left_out as materialized (
            select {_COLUMNS} from {excluded} where {where}
            order by occurred_at::date desc, source, event_id, arrival, row limit {limit}),
        counting as (
            select distinct on (source, event_id) {_COLUMNS} from {pieces}
            semi join left_out using (source, event_id) order by source, event_id, arrival, row)
        select source, event_id, {", ".join(f"counting.{name}" for name in _PLACE)},
               {", ".join(f"left_out.{name}" for name in _PLACE)}
        from left_out join counting using (source, event_id)
        order by left_out.occurred_at::date desc, source, event_id, left_out.arrival, left_out.row"""


def _place(files: Mapping[int, str], row: list[object]) -> Place:
    arrival, *said = row
    place = Place(files.get(int(str(arrival)), ""), *said)  # type: ignore[arg-type]  # the columns of a piece
    return place._replace(occurred_at=place.occurred_at.replace(tzinfo=UTC))
