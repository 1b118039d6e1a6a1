"""What an org's bill of a month is made of beside the month's own usage, as plain values. Nothing is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flybill_pipeline.billing.invoicing.basis import Basis
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.returned_credits import NOTHING_PAID, PaidByCredits
from flybill_pipeline.billing.pricing.line_items import LineItem


@dataclass(frozen=True, slots=True)
class Account:
    """One org's account as a month is priced.

    `fixed` are lines that do not come from usage (plans, one-off items) and that this invoice bills first: they meet
    the month's `discounts`. `reckoned` met those of other months already: what changed of a plan that was billed in
    advance, and what is still to bill for earlier months. `carried` is what earlier months left open, in minor units by
    currency; `billed_before_minor` what of this month was billed in advance, `waived_before_minor` what of that was
    waived.

    `problems` keep the month from being billed. `credits` pay; `paid` are the months that they paid for, where this
    invoice may give something of them back, and `given_minor` is what one-off items below zero gave by now. `bases` say
    what this month and every earlier one that was priced again came from; `settled_months` is how many of the org's
    months were settled when the account was read: if there are more when it is finalized, it is out of date.
    """

    fixed: tuple[LineItem, ...] = ()
    reckoned: tuple[LineItem, ...] = ()
    carried: Mapping[str, int] = field(default_factory=dict)
    billed_before_minor: int = 0
    waived_before_minor: int = 0
    credits: tuple[Credit, ...] = ()
    paid: PaidByCredits = NOTHING_PAID
    given_minor: int = 0
    discounts: tuple[Discount, ...] = ()
    problems: tuple[HoldReason, ...] = ()
    bases: tuple[Basis, ...] = ()
    settled_months: int = 0


EMPTY = Account()
