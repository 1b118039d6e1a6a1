"""A month of the lake in the shape that pricing wants: org by org, as billing's own values. No query of its own."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.texts import name_to_keep, without_nul
from flybill_pipeline.billing.usage.time_weighted import LevelChange, level_time
from flybill_pipeline.billing.usage.totals import LevelTrail, Measures, OrgUsage, UsageTotal, dimensions_of
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.fingerprints import orgs_with_usage, usage_fingerprints, usage_version
from flybill_pipeline.stores.usage.months.measured_usage import Change, Ended, Level, Measured, MeasuredUsage

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
        days_from: date | None = None,
        measures: Measures | None = None,
        until: datetime | None = None,
    ) -> Iterator[OrgUsage]:
        """Every org of the shard that has usage (or a level) in the month, or just `org_ids`, in order of org ids.

        `days_from` gives a total for each day from then on, and one of that day for what was before: prices that change
        within the month need EACH_DAY. The meters in `measures`
        are measured as well; they come by day. A level is held `until` then (a time; None: the month's end).
        """
        wanted = measures or {}
        scope = shard, sorted(org_ids) or None
        measured = {name for names in wanted.values() for name in names}
        parts = [self._plain(month, scope, measured, days_from)]
        for aggregation, meters in wanted.items():
            if aggregation is Aggregation.TIME_WEIGHTED:
                parts.append(self._levels(month, scope, meters, until or month.end, by_day=days_from is not None))
            else:
                parts.append(self._days(month, scope, aggregation, meters))
        told = self._told(month, scope)
        for org_id, rows in groupby(merge(*parts, key=itemgetter(0)), key=itemgetter(0)):
            of_org = list(rows)
            totals = _joined(total for _, total, _ in of_org) if len(wanted) > 1 else (total for _, total, _ in of_org)
            totals = (_told_by(total, told) for total in totals) if told else totals
            yield OrgUsage(org_id, tuple(totals), up_to=max(latest for *_, latest in of_org))

    def _told(self, month: Month, scope: "_Scope") -> "_Told":
        found = self._measured.told(month.days(), *scope)
        return {(org_id, without_nul(meter)): sources for (org_id, meter), sources in found.items()}

    def _plain(
        self, month: Month, scope: "_Scope", without: Collection[str], days_from: date | None
    ) -> Iterator[_Found]:
        shard, org_ids = scope
        rows = self._lake.monthly_totals(
            month.days(), shard=shard, org_ids=org_ids, days_from=days_from, without=without
        )
        for row in rows:
            dimensions = dimensions_of(row.dimensions)
            meter = without_nul(row.meter)
            total = UsageTotal(
                row.org_id, meter, dimensions, row.quantity, row.day, row.events, corrections=row.corrections
            )
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
        changed = self._measured.days(month.days(), Aggregation.TIME_WEIGHTED, meters, *scope)
        trailed = self._measured.below_zero(month.days(), meters, *scope)
        trails = self._measured.changes(month.days(), trailed)
        ended = self._measured.ended(month.days(), meters, *scope)
        ordered: Iterator[_OfSeries] = merge(before, changed, trails, ended, key=lambda row: row[:3])
        for key, rows in groupby(ordered, key=lambda row: row[:3]):
            series = _Series(key[:2] in trailed, month, min(until, month.end), by_day)
            yield from _level_totals(list(rows), series)

    def levels_of(self, month: Month) -> Collection[str]:
        """The meters whose levels are carried into the month."""
        return self._measures_of(month).get(Aggregation.TIME_WEIGHTED, ())

    def version(self, month: Month) -> str:
        """Names all usage behind the month; see usage_fingerprints.usage_version."""
        return usage_version(self._lake, month, self._measures_of(month))

    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Mapping[str, str]:
        """Org → what changes when its bill of the month might; see usage_fingerprints.usage_fingerprints.

        Orgs whose ids no database can keep are absent: they are held, and never billed.
        """
        prints = usage_fingerprints(self._lake, month, shard, org_ids, self._measures_of(month))
        return {org_id: text for org_id, text in prints.items() if name_to_keep(org_id) == org_id}

    def orgs(self, month: Month, shard: int | None) -> Mapping[str, bool]:
        """Org with usage of the month → whether time alone adds to its bill; see fingerprints.orgs_with_usage."""
        return orgs_with_usage(self._lake, month, shard, self._measures_of(month))

    def by_meter(self, month: Month) -> dict[str, Decimal]:
        """The exact quantity of the month per meter, in the unit that usage is recorded in."""
        return {without_nul(meter): quantity for meter, quantity in self._lake.by_meter(month.days()).items()}

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


_OfSeries = Level | Measured | Change | Ended
_Told = Mapping[tuple[str, str], tuple[str, ...]]
"""Org and meter → the sources that told what its levels are."""
_Scope = tuple[int | None, list[str] | None]
"""The shard and the organizations to read; None is all of them."""


def _told_by(total: UsageTotal, told: _Told) -> UsageTotal:
    sources = told.get((total.org_id, total.meter))
    return total._replace(told_by=sources) if sources else total


def _total(row: Measured, measures: Mapping[Aggregation, Decimal]) -> UsageTotal:
    return UsageTotal(
        org_id=row.org_id,
        meter=row.meter,
        dimensions=dimensions_of(row.dimensions),
        quantity=row.recorded,
        day=row.day,
        events=row.events,
        measures=measures,
        corrections=row.corrections,
        last_at=row.last_event_at,
    )


class _Series(NamedTuple):
    """How the levels of a series are wanted: with or without the trail of changes, in which month, until when."""

    trailed: bool
    month: Month
    until: datetime
    by_day: bool


def _level_totals(rows: list[_OfSeries], wanted: _Series) -> Iterator[_Found]:
    """The totals of one series: one for each day that adds to its level x time, or that has events."""
    level = next((row for row in rows if isinstance(row, Level)), None)
    days = {row.day: row for row in rows if isinstance(row, Measured)}
    changes = {day: LevelChange(row.value, row.level_time) for day, row in days.items()}
    ended = [row for row in rows if isinstance(row, Ended) and row.at < wanted.until]
    begun, held = level.level if level else ZERO, dict[date, Decimal]()
    with exact():
        for row in ended:
            day = row.at.date()
            changes[day] = changes.get(day, LevelChange(ZERO, ZERO)).and_at(row.at, -row.level)
        for day, part in level_time(begun, changes, wanted.month, wanted.until, by_day=wanted.by_day):
            held[day] = held.get(day, ZERO) + part
    trails = _trails(rows, begun, wanted) if wanted.trailed else {}
    latest = max(row.last_event_at for row in rows if not isinstance(row, Change))
    org_id, meter, dimensions = rows[0][:3]
    for day in sorted(held.keys() | days.keys() | trails.keys()):
        measures = {Aggregation.TIME_WEIGHTED: held.get(day, ZERO)}
        if day in days:
            yield org_id, _total(days[day], measures)._replace(trail=trails.get(day)), latest
        elif held.get(day) or day in trails:
            total = UsageTotal(org_id, meter, dimensions_of(dimensions), ZERO, day, 0, measures)
            yield org_id, total._replace(trail=trails.get(day)), latest


def _trails(rows: Iterable[_OfSeries], begun: Decimal, wanted: _Series) -> dict[date, LevelTrail]:
    """Day → the changes on it; the first day's begin with what the month began with."""
    moves = [(wanted.month.start, begun)] if begun else []
    moves += [(row.at, row.amount) for row in rows if isinstance(row, Change)]
    moves += [(row.at, -row.level) for row in rows if isinstance(row, Ended)]
    moves.sort()
    return {
        day: LevelTrail(tuple(of_day), wanted.until) for day, of_day in groupby(moves, key=lambda move: move[0].date())
    }


def _joined(totals: Iterable[UsageTotal]) -> Iterable[UsageTotal]:
    """A meter that two price books measure differently comes once for each: its totals of a day become one."""
    same: dict[tuple[str, date | None, tuple[tuple[str, str], ...]], UsageTotal] = {}
    for total in totals:
        key = total.meter, total.day, tuple(total.dimensions.items())
        same[key] = _one_total(same[key], total) if key in same else total
    return same.values()


def _one_total(one: UsageTotal, other: UsageTotal) -> UsageTotal:
    """Both are of the same events; a level without any has a total that counts none."""
    known = one if one.events else other
    return known._replace(measures={**one.measures, **other.measures}, trail=one.trail or other.trail)
