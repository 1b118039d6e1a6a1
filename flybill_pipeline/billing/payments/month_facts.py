"""Where an organization's month stands: what is known of it, and the state that follows. No words are here.

What a state says is `billing/words`' business.
"""

from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.invoicing.forecast import Forecast
from flybill_pipeline.billing.invoicing.outcomes import INVOICED
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.standing import Payment
from flybill_pipeline.billing.sync.breaker import Cause


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """What is known of one org's month. `outcome`, `sync_state` and `payment` are None while there is none.

    The codes say why it is held or carried, and what went wrong last when it was brought to the payment provider.
    `total_there_minor` is what its invoice came to there, with tax.
    `delay` is what keeps every invoice from there at present, None when nothing does. `standing_minor` of the total
    does not grow with the month; `forecast` is what it may come to, None where nobody asked.
    """

    month: Month
    currency: str | None
    total_minor: int
    usage_up_to: datetime | None
    outcome: str | None = None
    outcome_code: str | None = None
    sync_state: str | None = None
    sync_code: str | None = None
    invoice_number: str | None = None
    payment: Payment | None = None
    delay: Cause | None = None
    total_there_minor: int | None = None
    standing_minor: int = 0
    forecast: Forecast | None = None

    @property
    def tax_minor(self) -> int:
        """What the payment provider added to the lines as tax; 0 where it added none, or that is not known."""
        return max((self.total_there_minor or 0) - self.total_minor, 0)


def month_state(facts: MonthFacts, now: datetime) -> str:
    """The state of the month as of `now`, for machines."""
    if facts.currency is None:
        return "unknown"
    if facts.outcome is None:
        return "open" if now < facts.month.end else "closing"
    if facts.outcome != INVOICED or facts.payment is None:
        return facts.outcome
    return "payable" if facts.payment.state == "open" else facts.payment.state
