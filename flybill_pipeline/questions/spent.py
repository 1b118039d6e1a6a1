"""What the usage of a month comes to, day after day: the same pricing as the invoice's, over the days up to each day.

Usage alone: plans, discounts and credits belong to a month, not to a day. What is owed: `owed.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.questions.org_month import Asked
from flybill_pipeline.questions.owed import Owed


@dataclass(frozen=True, slots=True)
class Spent:
    """What the usage of `month` came to by the end of each of its days (UTC), in minor units of `currency`.

    It ends with the last day that has usage; none without usage, or prices.
    """

    month: Month
    currency: str
    by_day: Sequence[tuple[date, int]]


def spent_so_far(answer: Owed) -> Spent:
    """The running month, day after day: no day is priced again."""
    month = answer.facts.month
    ends = (month.first_day + timedelta(days=number) for number in count())
    return Spent(month, answer.facts.currency or answer.org.currency, list(zip(ends, answer.by_day)))  # noqa: B905 - days go on


def spent(asked: Asked, month: Month) -> Spent:
    """The organization's month, day after day."""
    return Spent(month, asked.terms.in_month(month).currency, asked.days_of(month).by_day)
