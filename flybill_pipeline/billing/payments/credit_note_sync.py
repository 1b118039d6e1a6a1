"""The values that issuing a credit note hands between step, ledger and gateway. No rules, no sending, no SQL here."""

from dataclasses import dataclass

from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.sync.values import Progress


@dataclass(frozen=True, slots=True)
class CreditWork:
    """One credit note that is not known to be at Stripe, and the org that must be claimed for it."""

    credit_note_id: str
    org_id: str


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """How a note is issued, written down before it is sent, so that a repeated request is the same to the last byte.

    `balance_minor` is the part that goes to the customer's balance because the invoice no longer asks for it, with its
    tax. `sent_minor` is what is taken off the line, without any tax.
    """

    stripe_line_id: str
    balance_minor: int
    sent_minor: int


@dataclass(frozen=True, slots=True)
class CreditTask:
    """Everything a worker needs for one note, read when its org was claimed. `line_id` is our id of Stripe's line."""

    note: CreditNote
    stripe_invoice_id: str
    line_id: str
    row: Progress
    plan: CreditPlan | None


@dataclass(frozen=True, slots=True)
class StripeBill:
    """What Stripe has of an invoice that is to be credited; amounts in minor units, `credited` by all notes so far.

    `taxed`: whether Stripe adds tax to it.
    """

    status: str
    total_minor: int
    remaining_minor: int
    credited_minor: int
    taxed: bool


@dataclass(frozen=True, slots=True)
class StripeLine:
    """One line of an invoice at Stripe; `line_id` is ours (metadata), or Stripe's own when the line is not ours.

    `included_minor` is the tax that is a part of its amount.
    """

    stripe_line_id: str
    line_id: str
    amount_minor: int
    included_minor: int


@dataclass(frozen=True, slots=True)
class StripeCreditNote:
    """What Stripe has of a credit note; `credit_note_id` is its metadata, None when it is not ours.

    `amount_minor` is with all its tax, `before_tax_minor` without the tax that comes on top of our amounts.
    """

    stripe_credit_note_id: str
    credit_note_id: str | None
    number: str
    status: str
    currency: str
    amount_minor: int
    before_tax_minor: int
    post_payment_minor: int
    created: int
    livemode: bool
