"""What a running month may come to: what grows with time, at the pace so far; the rest as it is. No words here."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem

STANDING = frozenset({"subscription", "one_off", "carried_forward", "adjustment"})
"""Kinds of lines that are what they are on the first day of a month and on the last."""


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
    quotient, rest = divmod(abs(growing) * whole, known)
    rounded = quotient + (2 * rest >= known)
    return standing + (rounded if growing >= 0 else -rounded)
