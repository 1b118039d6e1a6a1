"""A month of the lake in the shape that pricing wants: org by org, as billing's own values. No query of its own."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from heapq import merge
from itertools import groupby
from operator import itemgetter

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.time_weighted import LevelChange, level_time
from flybill_pipeline.billing.usage.totals import Measures, OrgUsage, UsageTotal, dimensions_of
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.fingerprints import usage_fingerprints, usage_version
from flybill_pipeline.stores.usage.months.measured_usage import Level, Measured, MeasuredUsage

_Found = tuple[str, UsageTotal, datetime]
"""The org, one of its totals, and the time of the latest event behind it."""


class MonthlyUsage:
    """The compiled usage of whole months. `measures_of` says which meters the prices of a month measure, and how."""

    def __init__(self, lake: UsageLake, measures_of: Callable[[Month], Measures] = lambda _: {}) -> None:
        self._lake = lake
        self._measures_of = measures_of
        self._measured = MeasuredUsage(lake)

    def of_month(
        self,
        month: Month,
        shard: int | None,
        org_ids: Collection[str] = (),
        *,
        by_day: bool = False,
        measures: Measures | None = None,
        until: datetime | None = None,
    ) -> Iterator[OrgUsage]:
        """Every org of the shard that has usage (or a level) in the month, or just `org_ids`, in order of org ids.

        `by_day` gives a total for each day, which prices that change within the month need. The meters in `measures`
        are measured as well; they come by day. A level is held `until` then (a time; None: the month's end).
        """
        wanted = measures or {}
        scope = shard, sorted(org_ids) or None
        parts = [self._plain(month, scope, {name for names in wanted.values() for name in names}, by_day=by_day)]
        for aggregation, meters in wanted.items():
            if aggregation is Aggregation.TIME_WEIGHTED:
                parts.append(self._levels(month, scope, meters, until or month.end, by_day=by_day))
            else:
                parts.append(self._days(month, scope, aggregation, meters))
        for org_id, rows in groupby(merge(*parts, key=itemgetter(0)), key=itemgetter(0)):
            found = list(rows)
            totals = _joined(total for _, total, _ in found) if len(wanted) > 1 else (total for _, total, _ in found)
            yield OrgUsage(org_id, tuple(totals), up_to=max(latest for *_, latest in found))

    def _plain(self, month: Month, scope: "_Scope", without: Collection[str], *, by_day: bool) -> Iterator[_Found]:
        shard, org_ids = scope
        rows = self._lake.monthly_totals(month.days(), shard=shard, org_ids=org_ids, by_day=by_day, without=without)
        for row in rows:
            dimensions = dimensions_of(row.dimensions)
            total = UsageTotal(row.org_id, row.meter, dimensions, row.quantity, row.day, row.events)
            yield row.org_id, total, row.last_event_at

    def _days(
        self, month: Month, scope: "_Scope", aggregation: Aggregation, meters: Collection[str]
    ) -> Iterator[_Found]:
        for row in self._measured.days(month.days(), aggregation, meters, *scope):
            yield row.org_id, _total(row, {aggregation: row.value}), row.last_event_at

    def _levels(
        self, month: Month, scope: "_Scope", meters: Collection[str], until: datetime, *, by_day: bool
    ) -> Iterator[_Found]:
        """The series whose level changed in the month, and those that brought one into it."""
        before = self._measured.levels(month.first_day, meters, *scope)
        changes = self._measured.days(month.days(), Aggregation.TIME_WEIGHTED, meters, *scope)
        ordered: Iterator[Level | Measured] = merge(before, changes, key=lambda row: row[:3])
        for _, rows in groupby(ordered, key=lambda row: row[:3]):
            yield from _level_totals(list(rows), month, until, by_day=by_day)

    def version(self, month: Month) -> str:
        """Names all usage behind the month; see usage_fingerprints.usage_version."""
        return usage_version(self._lake, month, self._measures_of(month))

    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Mapping[str, str]:
        """Org → what changes when its bill of the month might; see usage_fingerprints.usage_fingerprints."""
        return usage_fingerprints(self._lake, month, shard, org_ids, self._measures_of(month))

    def by_meter(self, month: Month) -> dict[str, Decimal]:
        """The exact quantity of the month per meter, in the unit that usage is recorded in."""
        return self._lake.by_meter(month.days())

    def numbers(self, month: Month) -> dict[str, int]:
        """How many events of the month count, and how many do not.

        `quarantined` are the bad rows of all landed files, and those of the month whose sum is too large.
        """
        days = self._lake.catalog.manifests(month.days()).values()
        return {
            "rows": sum(day.rows for day in days),
            "duplicates": sum(day.duplicates for day in days),
            "conflicts": sum(day.conflicts for day in days),
            "quarantined": sum(sum((file.quarantined or {}).values()) for file in self._lake.catalog.files())
            + sum(day.too_large for day in days),
        }


_Scope = tuple[int | None, list[str] | None]
"""The shard and the organizations to read; None is all of them."""


def _total(row: Measured, measures: Mapping[Aggregation, Decimal]) -> UsageTotal:
    dimensions = dimensions_of(row.dimensions)
    return UsageTotal(row.org_id, row.meter, dimensions, row.recorded, row.day, row.events, measures)


def _level_totals(rows: list[Level | Measured], month: Month, until: datetime, *, by_day: bool) -> Iterator[_Found]:
    """The totals of one series: one for each day that adds to its level x time, or that has events."""
    levels = [row for row in rows if isinstance(row, Level)]
    days = {row.day: row for row in rows if isinstance(row, Measured)}
    changes = {day: LevelChange(row.value, row.level_time) for day, row in days.items()}
    held = dict[date, Decimal]()
    with exact():
        for day, part in level_time(levels[0].level if levels else ZERO, changes, month, until, by_day=by_day):
            held[day] = held.get(day, ZERO) + part
    latest = max(row.last_event_at for row in rows)
    org_id, meter, dimensions = rows[0][:3]
    for day in sorted(held.keys() | days.keys()):
        measures = {Aggregation.TIME_WEIGHTED: held.get(day, ZERO)}
        if day in days:
            yield org_id, _total(days[day], measures), latest
        elif held[day]:
            yield org_id, UsageTotal(org_id, meter, dimensions_of(dimensions), ZERO, day, 0, measures), latest


def _joined(totals: Iterable[UsageTotal]) -> Iterable[UsageTotal]:
    """A meter that two price books measure differently comes once for each: its totals of a day become one."""
    same: dict[tuple[str, date | None, tuple[tuple[str, str], ...]], UsageTotal] = {}
    for total in totals:
        key = total.meter, total.day, tuple(total.dimensions.items())
        same[key] = _one_total(same[key], total) if key in same else total
    return same.values()


def _one_total(one: UsageTotal, other: UsageTotal) -> UsageTotal:
    """Both are of the same events; a level without any has a total that counts none."""
    return (one if one.events else other)._replace(measures={**one.measures, **other.measures})
