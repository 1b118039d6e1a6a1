"""An organization's budgets for a month, with what of them is spent, in words. Watching them: `steps/alerts`."""

from collections.abc import Sequence
from dataclasses import dataclass

from flybill_pipeline.billing.alerts.budgets import Budget
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.shares import share_minor
from flybill_pipeline.billing.words.budgets import ahead_words, spent_words
from flybill_pipeline.billing.words.sentence import Sentence
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget of a month. `spent_minor` is None where the month is billed in another currency."""

    budget: Budget
    spent_minor: int | None
    words: Sentence

    @property
    def percent(self) -> int | None:
        """How much of it is spent, in whole percent; below nothing after corrections."""
        return None if self.spent_minor is None else self.budget.percent(self.spent_minor)


def budget_states(tools: Toolbox, facts: MonthFacts, org_id: str, lines: Sequence[LineItem]) -> list[BudgetState]:
    """The budgets of the month that `facts` are of, the whole organization's first."""
    found = tools.budgets.of(facts.month, org_ids=[org_id]).get(org_id, ())
    begun = facts.month.start <= tools.now()
    return [
        _state(budget, facts, lines, begun=begun)
        for budget in sorted(found, key=lambda each: sorted(each.scope.items()))
    ]


def _state(budget: Budget, facts: MonthFacts, lines: Sequence[LineItem], *, begun: bool) -> BudgetState:
    spent = share_minor(lines, budget.scope) if budget.currency == facts.currency else None
    settled = facts.outcome not in (None, HELD)
    words = spent_words(budget, facts.month, spent, settled=settled) if begun else ahead_words(budget, facts.month)
    return BudgetState(budget, spent, words)
