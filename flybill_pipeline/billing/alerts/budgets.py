"""A budget as a value, what a month has come to under it, and which of its marks that passes. No words, no sending."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from flybill_pipeline.billing.money.period import Month

THRESHOLDS = (50, 80, 100)
"""Percent of a budget at which its owner is told, where it names none."""
FORECAST_AFTER = timedelta(days=3)
"""A forecast is told once so much of the month is known: a few hours say little of thirty days."""
TRAILING_DAYS, FEWEST_DAYS = 7, 3
JUMP_TIMES = 3
JUMP_SHARE = 10
"""A day jumps when it costs JUMP_TIMES what the days before it cost on average, and a JUMP_SHARE-th of the budget more.

Those are the last TRAILING_DAYS of the same month before it, and at least FEWEST_DAYS.
"""
LOOKED_AT_DAYS = 2 + TRAILING_DAYS + 1
"""Ends of days that tell whether one of the last two jumps."""

Kind: TypeAlias = Literal["threshold", "forecast", "jump"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What an organization means to spend in a month, in minor units of `currency`; before tax, as its bill is.

    With a `scope`, such as {"app": "web"}, it is about the usage with these values.
    """

    budget_id: str
    org_id: str
    name: str
    amount_minor: int
    currency: str
    scope: Mapping[str, str]
    thresholds: Sequence[int] = THRESHOLDS

    def percent(self, spent_minor: int) -> int:
        """How much of it that is, in whole percent, never rounded up."""
        return 100 * spent_minor // self.amount_minor


@dataclass(frozen=True, slots=True)
class Unwatched:
    """An organization whose days are to be compared: when its draft was priced, and how many versions of its budgets
    there were when that was asked.

    Of a `silent` one they were, and there were no more since: its forecast alone may be another one.
    """

    org_id: str
    priced_at: datetime
    budgets: int
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Spending:
    """What a month has come to under a budget, in minor units, and what it may come to; None where nobody can tell.

    `days` are what the last days came to each, in order; none where nobody asks.
    """

    spent_minor: int
    forecast_minor: int | None
    days: Sequence[tuple[date, int]] = ()


@dataclass(frozen=True, slots=True)
class Warned:
    """A mark of a budget that was passed. `mark` is the percent, or the day of a jump.

    `usual_minor` is what the `usual_days` before that day came to on average, in whole minor units.
    """

    budget: Budget
    month: Month
    kind: Kind
    mark: str
    spending: Spending
    day_minor: int = 0
    usual_minor: int = 0
    usual_days: int = 0

    @property
    def warning_id(self) -> str:
        """Derived, so that it is told once, however many find it. Of another amount it is another one."""
        budget = self.budget
        about = [budget.org_id, budget.budget_id, dict(sorted(budget.scope.items())), budget.amount_minor]
        text = json.dumps([str(self.month), *about, budget.currency, self.kind, self.mark], separators=(",", ":"))
        return f"warn_{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def forecast_tells(month: Month, now: datetime, usage_up_to: datetime | None) -> bool:
    """Whether enough is known of a running month for its forecast to be told."""
    return now < month.end and usage_up_to is not None and min(usage_up_to, now) - month.start >= FORECAST_AFTER


def forecast_above(budget: Budget, spending: Spending) -> bool:
    """Whether the month may come to more than the budget, which it has not come to yet."""
    forecast = spending.forecast_minor
    return forecast is not None and spending.spent_minor < budget.amount_minor < forecast


def marks_passed(budget: Budget, month: Month, spending: Spending) -> Iterator[Warned]:
    """Everything that a person should hear of at this moment, the highest threshold last."""
    for percent in sorted(budget.thresholds):
        if 100 * spending.spent_minor >= percent * budget.amount_minor:
            yield Warned(budget, month, "threshold", str(percent), spending)
    if forecast_above(budget, spending):
        yield Warned(budget, month, "forecast", "", spending)
    for day, *amounts in _jumps(budget, spending.days):
        yield Warned(budget, month, "jump", day.isoformat(), spending, *amounts)


def _jumps(budget: Budget, days: Sequence[tuple[date, int]]) -> Iterator[tuple[date, int, int, int]]:
    """The days among the last two that jump, with the average before and of how many days; all are whole numbers."""
    for place in range(max(FEWEST_DAYS, len(days) - 2), len(days)):
        before = [amount for _, amount in days[max(0, place - TRAILING_DAYS) : place]]
        (day, amount), count, all_before = days[place], len(before), sum(before)
        more = count * amount - all_before
        if count * amount >= JUMP_TIMES * all_before and JUMP_SHARE * more >= count * budget.amount_minor:
            yield day, amount, all_before // count, count
