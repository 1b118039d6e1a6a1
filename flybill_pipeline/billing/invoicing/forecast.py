"""What a running month may come to: what grows with time, at the pace so far; the rest as it is. No words here.

The range around it has one rule: every day that is left is like the cheapest, or like the dearest, whole day so far.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem

STANDING = frozenset({"subscription", "one_off", "carried_forward", "adjustment"})
"""Kinds of lines that are what they are on the first day of a month and on the last."""


FEWEST_DAYS = 3
"""With fewer whole days behind it a forecast has no range."""
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month may come to, and between what and what, in minor units.

    `days` is how many whole days the range is from; 0 where there is none, and both ends are the forecast itself.
    """

    minor: int
    low_minor: int
    high_minor: int
    days: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a month is known to come to. `standing_minor` of the total does not grow with time.

    `by_day` is what its usage came to by the end of each day, from the first on; none where nobody asked.
    """

    month: Month
    total_minor: int
    standing_minor: int
    usage_up_to: datetime | None
    by_day: Sequence[int] = ()


def forecast(pace: Pace, now: datetime) -> Forecast:
    """The forecast with its range: the whole days are those before the day of the last usage."""
    minor = forecast_minor(pace.month, pace.total_minor, pace.standing_minor, pace.usage_up_to, now)
    whole = _whole_days(pace, now)
    growing, usage = pace.total_minor - pace.standing_minor, pace.by_day[-1] if pace.by_day else 0
    if len(whole) < FEWEST_DAYS or growing <= 0 or usage <= 0 or pace.usage_up_to is None:
        return Forecast(minor, minor, minor)
    left = (pace.month.end - pace.usage_up_to) // timedelta(seconds=1)
    low, high = (
        pace.total_minor + _rounded(growing * left * max(day, 0), usage * _DAY) for day in (min(whole), max(whole))
    )
    return Forecast(minor, min(low, minor), max(high, minor), len(whole))


def _whole_days(pace: Pace, now: datetime) -> list[int]:
    """What each whole day came to; none of a month that does not run."""
    if pace.usage_up_to is None or now >= pace.month.end:
        return []
    ends = pace.by_day[: (pace.usage_up_to.date() - pace.month.first_day).days]
    return [end - before for before, end in zip([0, *ends], ends, strict=False)]


def _rounded(dividend: int, divisor: int) -> int:
    """The quotient of two numbers that are not below zero, rounded half up."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (2 * rest >= divisor)


def standing_lines(lines: Iterable[LineItem]) -> list[LineItem]:
    """Those of the lines that do not grow with the month."""
    return [line for line in lines if line.kind in STANDING]


def forecast_minor(month: Month, total: int, standing: int, usage_up_to: datetime | None, now: datetime) -> int:
    """`total` if the rest of the month is like the part that is known, in minor units, rounded half away from zero.

    `standing` of it stays as it is. A month that has ended, or has no known usage, comes to what it is.
    """
    if usage_up_to is None or now >= month.end:
        return total
    known = (usage_up_to - month.start) // timedelta(seconds=1)
    whole = (month.end - month.start) // timedelta(seconds=1)
    if known <= 0:
        return total
    growing = total - standing
    rounded = _rounded(abs(growing) * whole, known)
    return standing + (rounded if growing >= 0 else -rounded)
