"""What an org's bill of a month is made of beside the month's own usage, as plain values. Nothing is computed here."""

from dataclasses import dataclass

from flybill_pipeline.billing.basis import Basis
from flybill_pipeline.billing.line_items import LineItem
from flybill_pipeline.billing.outcomes import Problem


@dataclass(frozen=True, slots=True)
class Account:
    """One org's account as a month is priced.

    `late` are the lines still to bill for earlier months, `problems` what keeps them from being priced. `bases` say
    what this month and every earlier one that was priced again came from; `settled_months` is how many of the org's
    months were settled when the account was read: if there are more when it is finalized, it is out of date.
    """

    late: tuple[LineItem, ...] = ()
    problems: tuple[Problem, ...] = ()
    bases: tuple[Basis, ...] = ()
    settled_months: int = 0


EMPTY = Account()
