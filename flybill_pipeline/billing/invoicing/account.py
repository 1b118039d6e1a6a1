"""What an org's bill of a month is made of beside the month's own usage, as plain values. Nothing is computed here."""

from dataclasses import dataclass

from flybill_pipeline.billing.invoicing.basis import Basis
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.outcomes import Problem
from flybill_pipeline.billing.pricing.line_items import LineItem


@dataclass(frozen=True, slots=True)
class Account:
    """One org's account as a month is priced.

    `fixed` are lines that do not come from usage (plans, one-off items); `billed_before_minor` is what of the month was
    billed in advance. `late` are the lines still to bill for earlier months, `problems` what keeps them from being
    priced. `credits` pay, `discounts` take off. `bases` say
    what this month and every earlier one that was priced again came from; `settled_months` is how many of the org's
    months were settled when the account was read: if there are more when it is finalized, it is out of date.
    """

    fixed: tuple[LineItem, ...] = ()
    billed_before_minor: int = 0
    late: tuple[LineItem, ...] = ()
    credits: tuple[Credit, ...] = ()
    discounts: tuple[Discount, ...] = ()
    problems: tuple[Problem, ...] = ()
    bases: tuple[Basis, ...] = ()
    settled_months: int = 0


EMPTY = Account()
