"""What a running month may come to: its usage goes on and is priced as invoices are; the rest as it is. No words here.

The range around it has one rule: every day that is left is like the cheapest, or like the dearest, whole day so far.
What is not usage follows as on the bill: a minimum is missing less, discounts take their part, credits pay what is due.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from flybill_pipeline.billing.invoicing.items.credits import Credit, apply_credits
from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.invoicing.returned_credits import given_back
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.going_on import GoingOn, GrownUsage
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.pricing.shares import share_minor
from flybill_pipeline.billing.pricing.usage_lines import price_going_on
from flybill_pipeline.billing.usage.totals import UsageTotal

STANDING = frozenset({"subscription", "one_off", "carried_forward", "adjustment", "credit_returned"})
"""Kinds of lines that are what they are on the first day of a month and on the last."""
DISCOUNTED = frozenset({"usage", "subscription", "one_off", "true_up"})
"""Kinds that the month's discounts are taken off."""
FEWEST_DAYS = 3
"""With fewer whole days behind it a forecast has no range."""


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
class Known:
    """Up to when the usage of a month is known: `usage_up_to` is that of its last event, `days_up_to` what
    known_through says.
    """

    usage_up_to: datetime | None
    days_up_to: datetime | None = None

    @property
    def up_to(self) -> datetime | None:
        """The later of both: who used nothing since is not expected to go on as before."""
        return max(filter(None, (self.usage_up_to, self.days_up_to)), default=None)

    def whole_days(self, month: Month) -> list[date]:
        """The days of the month before the one up to which it is known."""
        return [day for day in month.days() if self.up_to is not None and day < self.up_to.date()]


@dataclass(frozen=True, slots=True)
class Pace:
    """What a month has come to, line by line, and what its `discounts` and `credits` will do with more of it.

    `credits` have what was left of them before the month. `grown` is its usage at its end, with a range of so many
    whole `days`; None of a month that does not go on.
    """

    month: Month
    lines: Sequence[LineItem]
    known: Known
    discounts: Sequence[Discount] = ()
    credits: Sequence[Credit] = ()
    grown: GrownUsage | None = None
    days: int = 0

    @property
    def used_minor(self) -> int:
        """What the usage of the month has come to."""
        return total_minor(line for line in self.lines if line.kind == "usage")


def known_through(told: Collection[datetime], unrecorded: Iterable[date], now: datetime) -> datetime | None:
    """The start of the day before which everybody's usage is known, whether there is any or not.

    `told`: up to when each source that delivers has told. That says all of the days before it; none is known where no
    source delivers. Days that were read and are `unrecorded` are not known yet.
    """
    days = [at.astimezone(UTC).date() for at in (*told, now)]
    return datetime.combine(min((*days, *unrecorded)), time(), UTC) if told else None


def goes_on(
    books: BooksOfMonth, totals: Iterable[UsageTotal], known: Known, now: datetime, days: Sequence[date] = ()
) -> GrownUsage | None:
    """What usage comes to at the end of its month; None of a month that does not run, or has no known usage.

    For its range `days` are compared, whose totals must be of days; with fewer than FEWEST_DAYS there is none.
    """
    month = books.month
    if known.up_to is None or not month.start <= now < month.end or known.up_to < month.start:
        return None
    return price_going_on(books, totals, GoingOn(month, known.up_to, now), days if len(days) >= FEWEST_DAYS else ())


def forecast(pace: Pace) -> Forecast:
    """The forecast with its range, in which it always is."""
    minor = forecast_minor(pace)
    if pace.grown is None or pace.days < FEWEST_DAYS or pace.used_minor <= 0:
        return as_it_is(minor)
    ends = [_with_usage(pace, lines) for lines in (pace.grown.cheapest, pace.grown.dearest)]
    return Forecast(minor, min(*ends, minor), max(*ends, minor), pace.days)


def forecast_minor(pace: Pace) -> int:
    """What the month comes to if the rest of it is like the part that is known, in minor units."""
    return total_minor(pace.lines) if pace.grown is None else _with_usage(pace, pace.grown.lines)


def part_minor(pace: Pace, scope: Mapping[str, str]) -> int:
    """What the part of the bill that `scope` names comes to by then; all of it where that is empty, as forecast_minor.

    Of a part it is what its lines come to, as no discount or credit is of a part.
    """
    if not scope:
        return forecast_minor(pace)
    return share_minor(pace.lines if pace.grown is None else _replaced(pace, pace.grown.lines), scope)


def standing_lines(lines: Iterable[LineItem]) -> list[LineItem]:
    """Those of the lines that do not grow with the month."""
    return [line for line in lines if line.kind in STANDING]


def _with_usage(pace: Pace, usage: Sequence[LineItem]) -> int:
    """What the bill comes to with this usage at its end, in minor units."""
    lines = _replaced(pace, usage)
    return total_minor(pace.lines) + _settled(pace, lines) - _settled(pace, pace.lines) if lines else 0


def _replaced(pace: Pace, usage: Sequence[LineItem]) -> list[LineItem]:
    """The lines with this usage in place of what came so far, and of the minimum what is still missing then."""
    return [*usage, *_others(pace.lines, total_minor(usage) - pace.used_minor)]


def _others(lines: Iterable[LineItem], more: int) -> Iterator[LineItem]:
    for line in lines:
        if line.kind == "true_up":
            yield line._replace(amount_minor=max(line.amount_minor - more, 0))
        elif line.kind != "usage":
            yield line


def _settled(pace: Pace, lines: Sequence[LineItem]) -> int:
    """What is due of these lines, as it follows from those that no discount or credit made."""
    if not lines:
        return 0
    month, currency = pace.month, lines[0].currency
    lines = [line for line in lines if line.kind not in {"discount", "credit"}]
    own = [line for line in lines if line.kind in DISCOUNTED]
    due = total_minor(lines) + total_minor(discount_lines(own, pace.discounts, currency, month))
    return due + total_minor(apply_credits(due, given_back(month, pace.credits, lines), currency, month).lines)
