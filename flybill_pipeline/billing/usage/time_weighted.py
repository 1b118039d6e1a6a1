"""Levels integrated over time: what changes of a level come to in a month, such as GB held x hours. No events here.

A time-weighted meter's events say by how much a level changes (+2500, -200); where they tell what it is, the usage
store makes changes of that. So everything is a sum: a change adds its amount x the time that is left, in whatever order
changes are told. The level is carried on, over days and months, until it changes again.

A level cannot be below zero: it counts as zero for as long as it is, and what is told next changes the sum as ever.
Whether it was below zero is a matter of the order of changes, so there the changes themselves are needed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.totals import LevelTrail

_MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_OF_AN_HOUR = Decimal(3_600_000_000)


@dataclass(frozen=True, slots=True)
class LevelChange:
    """The changes of one series on one day: their sum, and what they add up to by the day's end (level x µs)."""

    amount: Decimal
    level_time: Decimal

    def and_at(self, moment: datetime, amount: Decimal) -> "LevelChange":
        """The same, and a change by `amount` at a time of the day."""
        left = midnight(moment.date()) + timedelta(days=1) - moment
        return LevelChange(self.amount + amount, self.level_time + amount * _microseconds(left))


def level_time(
    level: Decimal, changes: Mapping[date, LevelChange], month: Month, until: datetime, *, by_day: bool
) -> Iterator[tuple[date, Decimal]]:
    """Level x microseconds of the month up to `until` (at most its end), in parts whose sum is exact.

    `level` is what the month began with. With `by_day` each day has its own part. Else the first day has what `level`
    comes to, and each day of `changes` what these add until the end: fewer parts, the same sum.
    """
    until = min(until, month.end)
    with exact():
        if by_day:
            yield from _day_by_day(level, changes, month, until)
            return
        if level and until > month.start:
            yield month.first_day, level * _microseconds(until - month.start)
        for day, change in changes.items():
            if midnight(day) < until:
                rest = until - midnight(day) - timedelta(days=1)
                yield day, change.level_time + change.amount * _microseconds(rest)


def _day_by_day(
    level: Decimal, changes: Mapping[date, LevelChange], month: Month, until: datetime
) -> Iterator[tuple[date, Decimal]]:
    for day in month.days():
        start = midnight(day)
        end = min(until, start + timedelta(days=1))
        if start >= until:
            return
        change = changes.get(day, LevelChange(ZERO, ZERO))
        cut_off = _microseconds(start + timedelta(days=1) - end)
        yield day, level * _microseconds(end - start) + change.level_time - change.amount * cut_off
        level += change.amount


class Held(NamedTuple):
    """What a level comes to (in level x µs) where it is not below zero, and for how many µs it is."""

    level_time: Decimal
    below_zero: Decimal


def held_above_zero(trails: Iterable[LevelTrail], end: datetime | None = None) -> Held:
    """What the sum of these levels comes to, from their first change until `end` (None: for as long as it is known)."""
    trails = list(trails)
    until = min([trail.until for trail in trails] + ([end] if end is not None else []))
    changes = sorted(change for trail in trails for change in trail.changes if change[0] < until)
    level = held = below = ZERO
    with exact():
        for (moment, amount), following in zip(changes, [moment for moment, _ in changes[1:]] + [until], strict=False):
            level += amount
            span = _microseconds(following - moment)
            held += max(level, ZERO) * span
            below += span if level < 0 else ZERO
    return Held(held, below)


def midnight(day: date) -> datetime:
    """The first instant of a day (UTC)."""
    return datetime.combine(day, time(), UTC)


def _microseconds(span: timedelta) -> Decimal:
    return Decimal(span // _MICROSECOND)
