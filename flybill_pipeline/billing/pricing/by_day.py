"""What the usage of a month comes to by the end of each day: the invoice's own pricing, over the days up to it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.pricing.shares import Scope, share_minor
from flybill_pipeline.billing.pricing.usage_lines import minor_of_days, price_days
from flybill_pipeline.billing.usage.totals import EACH_DAY, OrgUsage

ByNow = tuple[date, int]
"""A day (UTC), and what all usage of its month up to its end comes to, in minor units."""


def spent_by_day(
    month: Month, books: BooksOfMonth, used: OrgUsage, scopes: Collection[Scope], since: date = EACH_DAY
) -> Mapping[Scope, Sequence[ByNow]]:
    """What each of the scopes has come to by the end of each day, up to the last day with usage, in order.

    `used` must know the days of its totals. The answer begins with `since`: what was before may be told as of it.
    """
    ends = [end for end in _days(month, used) if end >= since]
    if not any(scopes):  # all of the bill: no line need be made
        return {scope: list(zip(ends, minor_of_days(books, used.totals, ends), strict=True)) for scope in scopes}
    lines = [priced.lines for priced in price_days(books, used.totals, ends)]
    return {
        scope: [(end, share_minor(of_day, dict(scope))) for end, of_day in zip(ends, lines, strict=True)]
        for scope in scopes
    }


def minor_by_day(month: Month, books: BooksOfMonth, used: OrgUsage) -> list[ByNow]:
    """What the whole bill has come to by the end of each day, up to the last one with usage, in order."""
    ends = _days(month, used)
    return list(zip(ends, minor_of_days(books, used.totals, ends), strict=True))


def _days(month: Month, used: OrgUsage) -> list[date]:
    days = (used.up_to.date() - month.first_day).days + 1
    return [month.first_day + timedelta(days=number) for number in range(days)]
