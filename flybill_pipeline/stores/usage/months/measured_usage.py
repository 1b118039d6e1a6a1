"""Reads what other aggregations than sum and count make of usage, by day; measures a day when first asked. No prices.

How one day is measured is in measures.py; putting measures and totals together is in monthly_usage.py.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.stores.usage.lake.conditions import condition, scope
from flybill_pipeline.stores.usage.lake.days import counted_rows, tells_levels
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.levels import level_rows
from flybill_pipeline.stores.usage.months.measures import (
    below_zero_query,
    held_path,
    measure_day,
    measure_held,
    measure_told,
    measured_path,
    measures_query,
    told_below_zero_query,
    told_path,
)
from flybill_pipeline.stores.usage.months.told_levels import HELD, ended_query, level_changes

_OF_CHANGE = "org_id, meter, dimensions, occurred_at, quantity"
_NO_CHANGES = """select 0 as shard, ''::varchar as org_id, ''::varchar as meter, ''::varchar as dimensions,
    date '2000-01-01' as day, 0::bigint as corrections, 0::DECIMAL(38, 18) as value, 0::DECIMAL(38, 18) as lowest
    where false"""


class Measured(NamedTuple):
    """One day of a series (org, meter, dimensions): `recorded` is its sum of quantities, `value` its measure.

    Of level changes, `value` is their sum and `level_time` what they come to by the day's end, in level x microseconds.
    """

    org_id: str
    meter: str
    dimensions: str
    day: date
    recorded: Decimal
    events: int
    corrections: int
    last_event_at: datetime
    value: Decimal
    level_time: Decimal


class Level(NamedTuple):
    """The level that a series had at the beginning of a month, and the time (UTC) of its last change."""

    org_id: str
    meter: str
    dimensions: str
    level: Decimal
    last_event_at: datetime


class Change(NamedTuple):
    """What a series changed by at one instant (UTC)."""

    org_id: str
    meter: str
    dimensions: str
    at: datetime
    amount: Decimal


class Ended(NamedTuple):
    """A level that a day told last, when it ended (UTC): it was told again on a later day, or had held long enough."""

    org_id: str
    meter: str
    dimensions: str
    at: datetime
    level: Decimal
    last_event_at: datetime


class MeasuredUsage:
    """The measures in `lake`."""

    def __init__(self, lake: UsageLake) -> None:
        self._lake = lake

    def days(
        self,
        days: Iterable[date],
        aggregation: Aggregation,
        meters: Collection[str],
        shard: int | None = None,
        org_ids: Sequence[str] | None = None,
    ) -> Iterator[Measured]:
        """The compiled ones of `days`, in the order of series and days."""
        rows = self.rows(days, aggregation, meters)
        if rows is None:
            return
        where, parameters = condition(scope(self._lake.of_shard(shard), org_ids))
        for *series, whole, fraction in self._lake.query(measures_query(rows, where, aggregation), parameters):
            with exact():
                level_time = whole + fraction.scaleb(-18)
            row = Measured._make([*series, level_time])
            yield row._replace(last_event_at=row.last_event_at.replace(tzinfo=UTC))

    def levels(
        self,
        before: date,
        meters: Collection[str],
        shard: int | None = None,
        org_ids: Sequence[str] | None = None,
    ) -> Iterator[Level]:
        """What all changes on the days before `before` have come to, and what was told, for each series."""
        rows = self.level_rows(before, meters)
        if rows is None:
            return
        where, parameters = condition(scope(self._lake.of_shard(shard), org_ids))
        query = f"""select org_id, meter, dimensions, sum(quantity), max(last_event_at) from {rows}
                    where {where} group by all having sum(quantity) <> 0 order by all"""
        for row in self._lake.query(query, parameters):
            level = Level(*row)
            yield level._replace(last_event_at=level.last_event_at.replace(tzinfo=UTC))

    def below_zero(
        self, days: Sequence[date], meters: Collection[str], shard: int | None, org_ids: Sequence[str] | None
    ) -> set[tuple[str, str]]:
        """The orgs and meters that had a level below zero at some time of `days`, the days of a month."""
        changes = self.rows(days, Aggregation.TIME_WEIGHTED, meters)
        if changes is None:
            changes = f"({_NO_CHANGES})"
        levels = self.level_rows(days[0], meters)
        where, parameters = condition(scope(self._lake.of_shard(shard), org_ids))
        query = below_zero_query(changes, levels, where)
        found = {tuple(row) for row in self._lake.query(query, parameters * (1 if levels is None else 2))}
        held = self.held_rows(days, meters)
        if held is not None:
            query = told_below_zero_query(changes, held, where)
            found |= {tuple(row) for row in self._lake.query(query, parameters * 2)}
        return found

    def ended(
        self, days: Sequence[date], meters: Collection[str], shard: int | None, org_ids: Sequence[str] | None
    ) -> Iterator[Ended]:
        """The levels that were told and ended within `days`, the days of a month, in the order of series."""
        held = self.held_rows(days, meters)
        if held is None:
            return
        where, parameters = condition(scope(self._lake.of_shard(shard), org_ids))
        for row in self._lake.query(ended_query(held, where, _after(days)), parameters):
            ended = Ended(*row)
            yield ended._replace(at=ended.at.replace(tzinfo=UTC), last_event_at=ended.last_event_at.replace(tzinfo=UTC))

    def told(
        self, days: Iterable[date], shard: int | None = None, org_ids: Sequence[str] | None = None
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """Org and meter → the sources that told its levels on any of `days`."""
        rows = self.told_rows(days)
        if rows is None:
            return {}
        where, parameters = condition(scope(self._lake.of_shard(shard), org_ids))
        query = f"select distinct org_id, meter, source from {rows} where {where} order by all"
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for org_id, meter, source in self._lake.query(query, parameters):
            found[org_id, meter] = (*found.get((org_id, meter), ()), source)
        return found

    def changes(self, days: Iterable[date], of: Collection[tuple[str, str]]) -> Iterator[Change]:
        """Every change of the levels of these orgs' meters on the compiled ones of `days`, in the order of series."""
        manifests = self._lake.catalog.manifests(days).values()
        if not of or not manifests:
            return
        self._lake.guard.require(
            [path for manifest in manifests for path in manifest.files], contents=self._lake.checks_contents
        )
        rows = " union all ".join(f"(select {_OF_CHANGE} from ({self._changes(each)}))" for each in manifests)
        orgs, meters = zip(*sorted(of), strict=True)
        query = f"""select org_id, meter, dimensions, occurred_at, sum(quantity)
                    from ({rows})
                    where (org_id, meter) in (select (unnest(?), unnest(?))) group by all order by all"""
        for row in self._lake.query(query, [list(orgs), list(meters)]):
            change = Change(*row)
            yield change._replace(at=change.at.replace(tzinfo=UTC))

    def rows(self, days: Iterable[date], aggregation: Aggregation, meters: Collection[str]) -> str | None:
        """A FROM item for what `measure_day` made of the compiled ones of `days`; None when there are none."""
        lake, place = self._lake, partial(measured_path, aggregation=aggregation, meters=meters)
        measure = partial(measure_day, lake.root, shards=lake.shards, limits=lake.limits)
        measure = partial(measure, aggregation=aggregation, meters=meters)
        paths = self._files(lake.catalog.rollups(days), place, measure)
        return lake.file_rows(paths) if paths else None

    def level_rows(self, before: date, meters: Collection[str]) -> str | None:
        """A FROM item for what levels are the sums of on the days before a day; see levels.level_rows."""
        return level_rows(self._lake, before, meters, lambda rollups: self._held(rollups, meters))

    def held_rows(self, days: Sequence[date], meters: Collection[str]) -> str | None:
        """A FROM item, in the columns of told_levels.HELD, for the levels that were told and held when `days` began or
        at the end of any of them. None where no level was ever told.
        """
        told = {
            day: path for day, path in self._lake.catalog.rollups_before(_after(days)).items() if tells_levels(path)
        }
        if not told:
            return None
        paths = self._held({day: path for day, path in told.items() if day >= days[0]}, meters)
        parts = [*([self._lake.file_rows(paths)] if paths else []), self.level_rows(days[0], meters)]
        return (
            f"({' union all '.join(f'select {HELD} from {part} where source is not null' for part in parts if part)})"
        )

    def told_rows(self, days: Iterable[date]) -> str | None:
        """A FROM item for who told levels on the compiled ones of `days`; None where nobody did."""
        lake = self._lake
        measure = partial(measure_told, lake.root, shards=lake.shards, limits=lake.limits)
        told = {day: path for day, path in lake.catalog.rollups(days).items() if tells_levels(path)}
        paths = self._files(told, told_path, measure)
        return lake.file_rows(paths) if paths else None

    def _changes(self, manifest: Manifest) -> str:
        """A query for the changes of levels on a day."""
        if tells_levels(manifest.version):
            return level_changes(self._lake.root, manifest, lambda query: self._lake.query(query, []))
        return counted_rows(self._lake.root, manifest)

    def _held(self, rollups: Mapping[date, str], meters: Collection[str]) -> list[str]:
        """The files of what is held at the ends of these days."""
        lake = self._lake
        measure = partial(measure_held, lake.root, shards=lake.shards, meters=meters, limits=lake.limits)
        return self._files(rollups, partial(held_path, meters=meters), measure)

    def _files(
        self, rollups: Mapping[date, str], place: Callable[..., str], measure: Callable[[Manifest], None]
    ) -> list[str]:
        """The files that are made of these days: `place(version, day=…)` says where one is, `measure` makes it."""
        versions = {day: PurePosixPath(path).stem for day, path in rollups.items()}
        self._lake.guard.here(place(version, day=day) for day, version in versions.items())  # one question for all
        return [self._kept(day, version, partial(place, day=day), measure) for day, version in versions.items()]

    def _kept(self, day: date, version: str, place: Callable[[str], str], measure: Callable[[Manifest], None]) -> str:
        """A file that is made of a day: of the version that was compiled, measured now if it never was.

        `place` says where that of a version is, `measure` makes it.
        """
        lake, path = self._lake, place(version)
        if lake.guard.has(path):
            return path
        with lake.catalog.working_on(f"measures of {day}"):
            manifest = lake.catalog.manifest(day)
            if manifest is None:
                raise LookupError(f"{day}: version {version} of the day's usage was never measured")
            path = place(manifest.version)
            if not lake.guard.has(path):
                lake.guard.require(manifest.files, contents=True)
                measure(manifest)
                lake.guard.keep([path])
            return path


def _after(days: Sequence[date]) -> date:
    return days[-1] + timedelta(days=1)
