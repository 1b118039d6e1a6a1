"""An organization's budgets for a month, with what of them is spent, in words. Watching them: `steps/alerts`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.alerts.budgets import Budget, Spending, forecast_above, forecast_tells
from flybill_pipeline.billing.invoicing.forecast import Pace, part_minor
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.shares import share_minor
from flybill_pipeline.billing.words.budgets import above_words, ahead_words, spent_words
from flybill_pipeline.billing.words.sentence import Words
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget of a month. `spent_minor` is None where the month is billed in another currency.

    `forecast_minor` is what the month may come to under it; None where nobody can tell, as of a month that has ended.
    """

    budget: Budget
    spent_minor: int | None
    words: Words
    forecast_minor: int | None = None

    @property
    def percent(self) -> int | None:
        """How much of it is spent, in whole percent; below nothing after corrections."""
        return None if self.spent_minor is None else self.budget.percent(self.spent_minor)


def budget_states(
    tools: Toolbox, facts: MonthFacts, org_id: str, lines: Sequence[LineItem], pace: Pace | None = None
) -> list[BudgetState]:
    """The budgets of the month that `facts` are of, the whole organization's first. `pace`: that of a running month."""
    found, now = tools.budgets.of(facts.month, org_ids=[org_id]).get(org_id, ()), tools.now()
    return [
        _ahead(budget, facts, lines)
        if now < facts.month.start
        else _begun(budget, facts, _spending(budget, lines, pace, now))
        for budget in sorted(found, key=lambda each: sorted(each.scope.items()))
    ]


def _ahead(budget: Budget, facts: MonthFacts, lines: Sequence[LineItem]) -> BudgetState:
    spent = share_minor(lines, budget.scope) if budget.currency == facts.currency else None
    return BudgetState(budget, spent, (ahead_words(budget, facts.month),))


def _spending(budget: Budget, lines: Sequence[LineItem], pace: Pace | None, now: datetime) -> Spending:
    """As it is watched: a page says what the mail says."""
    tells = pace is not None and forecast_tells(pace.month, now, pace.known.up_to)
    return Spending(share_minor(lines, budget.scope), part_minor(pace, budget.scope) if pace and tells else None)


def _begun(budget: Budget, facts: MonthFacts, spending: Spending) -> BudgetState:
    if budget.currency != facts.currency:
        return BudgetState(budget, None, (spent_words(budget, facts.month, None),))
    settled = facts.outcome not in (None, HELD)
    words: Words = (spent_words(budget, facts.month, spending.spent_minor, settled=settled),)
    if forecast_above(budget, spending):
        words += (above_words(budget, facts.month, spending.forecast_minor or 0),)
    return BudgetState(budget, spending.spent_minor, words, spending.forecast_minor)
