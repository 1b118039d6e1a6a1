"""Aliases at rest: which account, host or key of a source belongs to which organization, and when. Reads no events.

Every version of a period stays; the last one is in force, and one without an organization was taken away.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, Select, cast, exists, func, insert, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from flybill_pipeline.billing.usage.aliases import AliasPeriod, overlapping
from flybill_pipeline.billing.usage.files import ALIASED
from flybill_pipeline.stores.usage.lake.tables import aliases, landed_files, usage_days, usage_pieces

_Key = tuple[str, str, datetime]


@dataclass(frozen=True, slots=True)
class AliasRow:
    """A row of a file: the period of an alias, or that it is taken away. Without `says_end` it ends as it did."""

    row: int
    period: AliasPeriod
    taken_away: bool = False
    says_end: bool = True

    @property
    def key(self) -> _Key:
        """What tells periods apart: an alias has one for each beginning."""
        return self.period.source, self.period.alias, self.period.start


class AliasesRefusedError(Exception):
    """Aliases contradict each other, or what is stored: `faults` has row → what is wrong, with its remedy."""

    def __init__(self, faults: Mapping[int, str]) -> None:
        super().__init__("; ".join(f"row {row}: {fault}" for row, fault in faults.items()))
        self.faults = faults


class Aliases:
    """The aliases of all sources, in the database behind `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, rows: Sequence[AliasRow]) -> tuple[int, int]:
        """Stores the rows, all or none; returns how many periods were new and how many changed.

        Raises AliasesRefusedError when an alias would belong to two organizations at one time.
        """
        with self._engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext('flybill aliases'))"))
            named = {row.period.alias for row in rows}
            stored = {_key(each): each for each in _in_force(connection, aliases.c.alias.in_(named))}
            kept = {row.key: _ended(row, stored) for row in rows}
            after = stored | {row.key: kept[row.key] for row in rows if not row.taken_away}
            for row in rows:
                if row.taken_away:
                    after.pop(row.key, None)
            if faults := dict(_faults(rows, stored, after)):
                raise AliasesRefusedError(faults)
            changed = [row for row in rows if after.get(row.key) != stored.get(row.key)]
            if changed:
                connection.execute(insert(aliases), [_values(kept[row.key], row.taken_away) for row in changed])
        new = sum(row.key not in stored for row in changed)
        return new, len(changed) - new

    def of_day(self, day: date) -> tuple[int, list[AliasPeriod]]:
        """The number of the last change, and every period that has a part of the day."""
        start = datetime.combine(day, datetime.min.time(), UTC)
        on_day = aliases.c.starts_at < start + timedelta(days=1)
        with self._engine.connect() as connection:
            known = last_change(connection)
            periods = [each for each in _in_force(connection, on_day) if each.end is None or each.end > start]
        return known, periods

    def sources(self) -> set[str]:
        """The sources whose usage names aliases, whatever their mappings say today."""
        joined = usage_pieces.join(landed_files, landed_files.c.arrival == usage_pieces.c.arrival)
        query = select(landed_files.c.source).distinct().select_from(joined)
        with self._engine.connect() as connection:
            return set(connection.execute(query.where(usage_pieces.c.path.endswith(ALIASED))).scalars())

    def of_source(self, source: str) -> list[AliasPeriod]:
        """Every period of a source."""
        with self._engine.connect() as connection:
            return list(_in_force(connection, aliases.c.source == source))


def last_change(connection: Connection) -> int:
    """The number of the last change; 0 where there was none."""
    number: int = connection.execute(select(func.coalesce(func.max(aliases.c.change), 0))).scalar_one()
    return number


def days_to_own_again(connection: Connection) -> set[date]:
    """The days with usage of aliases, where aliases of its source have changed since the day was recorded."""
    day, later = usage_pieces.c.day, aliases.c.change > func.coalesce(usage_days.c.aliases_known, 0)
    changed = exists().where(
        aliases.c.source == landed_files.c.source,
        later,
        aliases.c.starts_at < func.timezone("UTC", cast(day + 1, DateTime)),
    )
    joined = usage_pieces.join(landed_files, landed_files.c.arrival == usage_pieces.c.arrival).outerjoin(
        usage_days, usage_days.c.day == day
    )
    query = select(day).distinct().select_from(joined).where(usage_pieces.c.path.endswith(ALIASED), changed)
    return set(connection.execute(query).scalars())


def _in_force(connection: Connection, which: Any) -> Iterator[AliasPeriod]:
    for row in connection.execute(_latest().where(which)):
        if row.org_id is not None:
            yield AliasPeriod(row.source, row.alias, row.starts_at, row.ends_at, row.org_id)


def _latest() -> Select[Any]:
    """The last version of each period."""
    key = aliases.c.source, aliases.c.alias, aliases.c.starts_at
    return select(aliases).ext(distinct_on(*key)).order_by(*key, aliases.c.change.desc())


def _key(period: AliasPeriod) -> _Key:
    return period.source, period.alias, period.start


def _ended(row: AliasRow, stored: Mapping[_Key, AliasPeriod]) -> AliasPeriod:
    before = stored.get(row.key)
    return row.period if row.says_end or before is None else replace(row.period, end=before.end)


def _faults(
    rows: Iterable[AliasRow], stored: Collection[_Key], after: Mapping[_Key, AliasPeriod]
) -> Iterator[tuple[int, str]]:
    of_key = {row.key: row for row in rows}
    for row in of_key.values():
        if row.taken_away and row.key not in stored:
            yield row.row, f"there is no period of {row.period.alias!r} that begins so: nothing is to be taken away"
    pairs = {key[:2] for key in of_key}
    for one, other in overlapping(each for key, each in after.items() if key[:2] in pairs):
        faulty = max((of_key[key] for key in (_key(one), _key(other)) if key in of_key), key=lambda row: row.row)
        begins = other.start.isoformat().replace("T00:00:00+00:00", "").replace("+00:00", "Z")
        yield (
            faulty.row,
            f"{one.alias!r} would belong to {one.described()} and to {other.described()} at one time: "
            f"give the row of {one.org_id} until {begins}, or take a row away with - as its org_id",
        )


def _values(period: AliasPeriod, taken_away: bool) -> dict[str, Any]:
    return {
        "source": period.source,
        "alias": period.alias,
        "starts_at": period.start,
        "ends_at": period.end,
        "org_id": None if taken_away else period.org_id,
    }
