"""What a month is at our side and in Stripe's own list, row by row. Plain values only; the comparison is a step."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OurInvoice:
    """One finalized invoice of ours, amounts in minor units; `credited_minor` by credit notes that Stripe has."""

    invoice_id: str
    org_id: str
    number: str
    currency: str
    amount_minor: int
    credited_minor: int = 0


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """One invoice in Stripe's list. `amount_minor` is before tax; `invoice_id` and `month` are its metadata, if any.

    `credited_minor` is what all its credit notes came to, whoever made them; it does not change `amount_minor`.
    """

    stripe_invoice_id: str
    invoice_id: str | None
    month: str | None
    currency: str
    amount_minor: int
    status: str
    credited_minor: int = 0


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of Stripe's list; `next_after` continues it, None at its end."""

    invoices: Sequence[ListedInvoice]
    next_after: str | None
