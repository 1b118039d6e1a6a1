"""Stripe's copy of an invoice, taken into the row if it is right. Belongs here: that one decision. Does not: calls."""

from flybill_pipeline.billing.sync.checks import mismatch
from flybill_pipeline.billing.sync.values import StripeInvoice, SyncInvoice
from flybill_pipeline.steps.sync.row import DurableRow

DRAFT = ("draft",)
FINAL = ("open", "paid", "uncollectible")
"""The statuses of a copy that the customer has been given and that stands."""


def keep_if_right(
    invoice: SyncInvoice, copy: StripeInvoice, row: DurableRow, state: str, *, numbered: bool = True
) -> None:
    """Moves the row to `state` (lined or finalized) if Stripe's copy is right.

    Otherwise the row is a mismatch, for a person: raises Pause. So a wrong draft is never finalized. A final
    copy that the row knew before is ours by its id: an edit of its metadata does not make it another. `numbered`:
    whether it was made with its number, which an older version did not give it.
    """
    known = state == "finalized" and copy.stripe_invoice_id == row.progress.stripe_invoice_id
    facts: dict[str, object] = {
        "step": None,
        "stripe_invoice_id": copy.stripe_invoice_id,
        "stripe_customer_id": copy.customer_id,
        "stripe_status": copy.status,
        "stripe_subtotal_minor": copy.subtotal_minor,
        "stripe_total_minor": copy.total_minor,
        "stripe_amount_due_minor": copy.amount_due_minor,
        "hosted_invoice_url": copy.hosted_invoice_url,
        "livemode": copy.livemode,
    }
    if wrong := mismatch(invoice, copy, FINAL if state == "finalized" else DRAFT, marked=not known, numbered=numbered):
        row.commit(**facts)
        raise row.ends_as("mismatch", wrong)
    if state == "finalized":
        row.commit(state=state, **facts)
    else:
        row.commit_with_next(state=state, **facts)


def stripe_id(row: DurableRow) -> str:
    """Stripe's id of the invoice that the row is at. Raises ValueError when the row contradicts itself."""
    if row.progress.stripe_invoice_id is None:
        raise ValueError(f"a row in state {row.progress.state} has no stripe_invoice_id")
    return row.progress.stripe_invoice_id
