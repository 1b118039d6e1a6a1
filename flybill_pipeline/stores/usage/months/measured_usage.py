"""Reads what other aggregations than sum and count make of usage, by day; measures a day when first asked. No prices.

How one day is measured is in measures.py; putting measures and totals together is in monthly_usage.py.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.stores.usage.lake.conditions import condition, scope
from flybill_pipeline.stores.usage.lake.days import counted_rows
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.levels import level_rows
from flybill_pipeline.stores.usage.months.measures import (
    below_zero_query,
    measure_day,
    measured_path,
    measures_query,
)

_NO_CHANGES = """select 0 as shard, ''::varchar as org_id, ''::varchar as meter, ''::varchar as dimensions,
    date '2000-01-01' as day, 0::DECIMAL(38, 18) as value, 0::DECIMAL(38, 18) as lowest where false"""


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
        """What all changes on the days before `before` have come to, for each series."""
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
        return {(org_id, meter) for org_id, meter in self._lake.query(query, parameters * (1 if levels is None else 2))}

    def changes(self, days: Iterable[date], of: Collection[tuple[str, str]]) -> Iterator[Change]:
        """Every change of the levels of these orgs' meters on the compiled ones of `days`, in the order of series."""
        manifests = self._lake.catalog.manifests(days).values()
        if not of or not manifests:
            return
        self._lake.guard.require(
            [path for manifest in manifests for path in manifest.files], contents=self._lake.checks_contents
        )
        rows = " union all ".join(f"({counted_rows(self._lake.root, manifest)})" for manifest in manifests)
        orgs, meters = zip(*sorted(of), strict=True)
        query = f"""select org_id, meter, dimensions, occurred_at, sum(quantity)
                    from (select org_id, meter, dimensions, occurred_at, quantity from ({rows}))
                    where (org_id, meter) in (select (unnest(?), unnest(?))) group by all order by all"""
        for row in self._lake.query(query, [list(orgs), list(meters)]):
            change = Change(*row)
            yield change._replace(at=change.at.replace(tzinfo=UTC))

    def rows(self, days: Iterable[date], aggregation: Aggregation, meters: Collection[str]) -> str | None:
        """A FROM item for what `measure_day` made of the compiled ones of `days`; None when there are none."""
        paths = [
            self._measured(day, PurePosixPath(path).stem, aggregation, meters)
            for day, path in self._lake.catalog.rollups(days).items()
        ]
        return self._lake.file_rows(paths) if paths else None

    def level_rows(self, before: date, meters: Collection[str]) -> str | None:
        """A FROM item for what levels are the sums of on the days before a day; see levels.level_rows."""
        return level_rows(self._lake, before, meters)

    def _measured(self, day: date, version: str, aggregation: Aggregation, meters: Collection[str]) -> str:
        """The day's measures: those of the version that was compiled, measured now if they never were."""
        lake, path = self._lake, measured_path(version, day, aggregation, meters)
        if (lake.root / path).exists():
            return path
        with lake.catalog.working_on(f"measures of {day}"):
            manifest = lake.catalog.manifest(day)
            if manifest is None:
                raise LookupError(f"{day}: version {version} of the day's usage was never measured by {aggregation}")
            path = measured_path(manifest.version, day, aggregation, meters)
            if not (lake.root / path).exists():
                lake.guard.require(manifest.files, contents=True)
                measure_day(lake.root, manifest, lake.shards, aggregation, meters, lake.limits)
                lake.guard.keep([path])
            return path
