"""Shares of a month and of an amount, whose parts always sum to the whole. What is prorated is decided elsewhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.money.decimals import divide, exact
from flybill_pipeline.billing.money.period import Month

_MICROSECOND = timedelta(microseconds=1)


def overlap(month: Month, start: datetime, end: datetime | None) -> tuple[datetime, datetime] | None:
    """The part of [start, end) that lies in the month; None when there is none. An `end` of None is open."""
    first = max(month.start, start)
    last = month.end if end is None else min(month.end, end)
    return (first, last) if first < last else None


def prorate(amount_minor: int, currency: str, month: Month, start: datetime, end: datetime) -> int:
    """The part of a month's amount that is due for [start, end): active time / time of the month, in minor units.

    It is what is due up to `end` less what is due up to `start`, each rounded. So the parts of any division of the
    month sum to the whole, and no part needs to know the others.
    """
    return _due_until(amount_minor, currency, month, end) - _due_until(amount_minor, currency, month, start)


def _due_until(amount_minor: int, currency: str, month: Month, moment: datetime) -> int:
    elapsed = (min(max(moment, month.start), month.end) - month.start) // _MICROSECOND
    return _share(amount_minor, elapsed, (month.end - month.start) // _MICROSECOND, currency_of(currency).step)


def distribute(amount_minor: int, weights: Sequence[int] | Sequence[Decimal], currency: str) -> list[int]:
    """`amount_minor` divided in proportion to `weights` (0 or more, not all 0); the parts sum to it exactly.

    A part is never larger than its weight when the amount is not larger than their sum.
    """
    step, whole = currency_of(currency).step, sum(weights)
    parts: list[int] = []
    passed, given = Decimal(0), 0
    for weight in weights:
        passed += weight
        due = _share(amount_minor, passed, whole, step)
        parts.append(due - given)
        given = due
    return parts


def _share(amount_minor: int, part: int | Decimal, whole: int | Decimal, step: int) -> int:
    """`amount_minor` x part / whole, rounded half away from zero to a multiple of `step`."""
    with exact():
        return int(divide(Decimal(amount_minor * part), Decimal(whole * step), 0)) * step
