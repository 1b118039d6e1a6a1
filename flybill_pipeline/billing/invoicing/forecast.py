"""What a running month may come to: what grows with time, at the pace so far; the rest as it is. No words here.

The range around it has one rule: every day that is left is like the cheapest, or like the dearest, whole day so far.
What is not usage follows as on the bill: a minimum is missing less, discounts take their part, credits pay what is due.
So does what a line of usage has of fixed amounts: they are due once, however long the month still is.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flybill_pipeline.billing.invoicing.items.credits import Credit, apply_credits
from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.invoicing.returned_credits import given_back
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.growing import growing_minor, grown_by
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.shares import share_minor

STANDING = frozenset({"subscription", "one_off", "carried_forward", "adjustment", "credit_returned"})
"""Kinds of lines that are what they are on the first day of a month and on the last."""
DISCOUNTED = frozenset({"usage", "subscription", "one_off", "true_up"})
"""Kinds that the month's discounts are taken off."""
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


def as_it_is(total_minor: int) -> Forecast:
    """Of a month that comes to what it is."""
    return Forecast(total_minor, total_minor, total_minor)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a month has come to, line by line, and what its `discounts` and `credits` will do with more of it.

    `credits` have what was left of them before the month. `by_day` is what its usage came to by the end of each day,
    from the first on, without what does not grow; none where nobody asked. `known_up_to`: see known_through.
    """

    month: Month
    lines: Sequence[LineItem]
    usage_up_to: datetime | None
    discounts: Sequence[Discount] = ()
    credits: Sequence[Credit] = ()
    by_day: Sequence[int] = ()
    known_up_to: datetime | None = None

    @property
    def up_to(self) -> datetime | None:
        """Up to when the month's usage is known: who used nothing since is not expected to go on as before."""
        return max(filter(None, (self.usage_up_to, self.known_up_to)), default=None)

    @property
    def used_minor(self) -> int:
        """What grows: the usage of the month, without its fixed amounts."""
        return growing_minor(line for line in self.lines if line.kind == "usage")


def known_through(arrived: Collection[datetime], unrecorded: Iterable[date], now: datetime) -> datetime | None:
    """The start of the day before which everybody's usage is known, whether there is any or not.

    `arrived`: when the last file of each source that delivers came. That says all of the days before it; none is known
    where no source delivers. Days that were read and are `unrecorded` are not known yet.
    """
    days = [at.astimezone(UTC).date() for at in (*arrived, now)]
    return datetime.combine(min((*days, *unrecorded)), time(), UTC) if arrived else None


def forecast(pace: Pace, now: datetime) -> Forecast:
    """The forecast with its range: the whole days are those before the day up to which usage is known."""
    minor, whole = forecast_minor(pace, now), _whole_days(pace, now)
    if len(whole) < FEWEST_DAYS or pace.used_minor <= 0 or pace.up_to is None:
        return as_it_is(minor)
    left = (pace.month.end - pace.up_to) // timedelta(seconds=1)
    ends = [_with_more(pace, _rounded(left * max(day, 0), _DAY)) for day in (min(whole), max(whole))]
    return Forecast(minor, min(*ends, minor), max(*ends, minor), len(whole))


def forecast_minor(pace: Pace, now: datetime) -> int:
    """What the month comes to if the rest of it is like the part that is known, in minor units."""
    return _with_more(pace, more_minor(pace.month, pace.used_minor, pace.up_to, now))


def part_minor(pace: Pace, scope: Mapping[str, str], now: datetime) -> int:
    """What the part of the bill that `scope` names comes to by then; all of it where that is empty, as forecast_minor.

    Of a part it is what its lines come to, as no discount or credit is of a part.
    """
    if not scope:
        return forecast_minor(pace, now)
    lines = [line for line in pace.lines if line.kind not in STANDING]
    more = more_minor(pace.month, growing_minor(lines, scope), pace.up_to, now)
    return share_minor(pace.lines, scope) + sum(grown_by(lines, more, scope))


def more_minor(month: Month, used_minor: int, usage_up_to: datetime | None, now: datetime) -> int:
    """What is still to come of usage at the pace so far, rounded half away from zero.

    Nothing in a month that has ended, or has no known usage. The first day counts as a whole one from its first
    second: what came in ten seconds says nothing of thirty days.
    """
    if usage_up_to is None or now >= month.end or usage_up_to < month.start:
        return 0
    known = max((usage_up_to - month.start) // timedelta(seconds=1), _DAY)
    whole = (month.end - month.start) // timedelta(seconds=1)
    grown = _rounded(abs(used_minor) * whole, known)
    return (grown if used_minor >= 0 else -grown) - used_minor


def standing_lines(lines: Iterable[LineItem]) -> list[LineItem]:
    """Those of the lines that do not grow with the month."""
    return [line for line in lines if line.kind in STANDING]


def _with_more(pace: Pace, more: int) -> int:
    """What the lines come to with so much more usage, in minor units."""
    if pace.used_minor <= 0 or not more:
        return total_minor(pace.lines) + more
    return total_minor(pace.lines) + _settled(pace, more) - _settled(pace, 0)


def _settled(pace: Pace, more: int) -> int:
    """What is due with so much more usage, as it follows from the lines that no discount or credit made."""
    month, currency = pace.month, pace.lines[0].currency
    lines = list(_grown([line for line in pace.lines if line.kind not in {"discount", "credit"}], more))
    own = [line for line in lines if line.kind in DISCOUNTED]
    due = total_minor(lines) + total_minor(discount_lines(own, pace.discounts, currency, month))
    return due + total_minor(apply_credits(due, given_back(month, pace.credits, lines), currency, month).lines)


def _grown(lines: Sequence[LineItem], more: int) -> Iterator[LineItem]:
    """The lines with `more` spread over those of usage, and of the minimum what is still missing then."""
    used = [line for line in lines if line.kind == "usage"]
    added = list(grown_by(used, more))
    each, all_added = iter(added), sum(added)
    for line in lines:
        amount = line.amount_minor
        if line.kind == "usage":
            amount += next(each)
        elif line.kind == "true_up":
            amount = max(amount - all_added, 0)
        yield line._replace(amount_minor=amount)


def _whole_days(pace: Pace, now: datetime) -> list[int]:
    """What each whole day came to; none of a month that does not run."""
    if pace.up_to is None or now >= pace.month.end or not pace.by_day:
        return []
    days = (pace.up_to.date() - pace.month.first_day).days
    ends = [*pace.by_day[:days], *[pace.by_day[-1]] * (days - len(pace.by_day))]
    return [end - before for before, end in zip([0, *ends], ends, strict=False)]


def _rounded(dividend: int, divisor: int) -> int:
    """The quotient of two numbers that are not below zero, rounded half up."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (2 * rest >= divisor)
