"""What the usage of a month comes to by the end of each day: the invoice's own pricing, over the days up to it."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.pricing.usage_lines import minor_of_days, price_days
from flybill_pipeline.billing.usage.totals import OrgUsage

DayLines = tuple[date, Sequence[LineItem]]
"""A day (UTC), and the lines of all usage of its month up to its end."""


def lines_by_day(month: Month, books: BooksOfMonth, used: OrgUsage, most: int | None = None) -> Iterator[DayLines]:
    """The days of the month up to the last one that has usage, in order; `most`: only the last so many of them.

    `used` must know the days of its totals.
    """
    ends = _days(month, used)[-most if most else 0 :]
    for end, priced in zip(ends, price_days(books, used.totals, ends), strict=True):
        yield end, priced.lines


def minor_by_day(month: Month, books: BooksOfMonth, used: OrgUsage) -> list[tuple[date, int]]:
    """The same days with what their lines come to, in minor units: in much less time."""
    ends = _days(month, used)
    return list(zip(ends, minor_of_days(books, used.totals, ends), strict=True))


def _days(month: Month, used: OrgUsage) -> list[date]:
    days = (used.up_to.date() - month.first_day).days + 1
    return [month.first_day + timedelta(days=number) for number in range(days)]
