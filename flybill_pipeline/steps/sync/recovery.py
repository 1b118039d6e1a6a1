"""What to do in doubt: look what Stripe has of an invoice, then go on from there under a new generation of keys.

Belongs here: finding, adopting and deleting copies. Does not: the ordinary way of an invoice (`one_invoice.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flybill_pipeline.billing.sync.checks import mismatch, two_finalized
from flybill_pipeline.billing.sync.lines import chunk_step, chunks, next_chunk
from flybill_pipeline.billing.sync.values import Failure, StripeInvoice, SyncInvoice
from flybill_pipeline.steps.sync.copy import DRAFT, keep_if_right
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.row import LOOK, REPAIR, DurableRow

SKEW = timedelta(hours=1)
"""By how much Stripe's clock may differ from ours."""


def look(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> None:
    """Brings the row to what Stripe really has; raises Pause when that cannot be seen now, or needs a person.

    The new generation is committed before anything else: whatever happens now, no old key is ever sent again, so a
    draft that is deleted here does not come back as the stored answer to an old key.
    """
    repaired = row.progress.step == REPAIR
    row.commit(step=REPAIR if repaired else LOOK, step_key=None, generation=row.progress.generation + 1)
    copies = _copies(invoice, row, stripe)
    final = [copy for copy in copies if copy.status not in (*DRAFT, "void")]
    if len(final) > 1:
        raise row.ends_as("mismatch", two_finalized(final))
    voided = [copy for copy in copies if copy.status == "void" and not repaired]
    drafts = [copy for copy in copies if copy.status in DRAFT]
    kept = (final or voided or _usable(invoice, drafts))[:1]
    for orphan in drafts:
        if orphan not in kept:
            row.ask(stripe.delete_draft(orphan.stripe_invoice_id))
    if not kept:
        _begin_anew(invoice, row)
    elif kept[0].status in DRAFT:
        _adopt_draft(invoice, kept[0], row, stripe)
    else:
        keep_if_right(_as_sent(invoice, kept[0], row), kept[0], row, "finalized")


def _as_sent(invoice: SyncInvoice, copy: StripeInvoice, row: DurableRow) -> SyncInvoice:
    """The invoice with the customer that it was sent for, if the copy is that one's: linking the org to another one
    since does not undo what was finalized, whether or not we heard of it.
    """
    if copy.customer_id != row.progress.stripe_customer_id:
        return invoice
    return replace(invoice, org=replace(invoice.org, customer_id=copy.customer_id))


def _begin_anew(invoice: SyncInvoice, row: DurableRow) -> None:
    row.commit(state="new", step=None, stripe_invoice_id=None, stripe_customer_id=invoice.org.customer_id)


def _copies(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> list[StripeInvoice]:
    """All of Stripe's copies of this invoice, the oldest first; none if nothing was ever sent."""
    if row.progress.first_sent_at is None:
        return []
    since = row.progress.first_sent_at - SKEW
    found: list[StripeInvoice] = []
    for customer in dict.fromkeys((invoice.org.customer_id, row.progress.stripe_customer_id)):
        if customer is None:
            continue
        answer = stripe.find_invoices(customer, since)
        if isinstance(answer, Failure) and answer.kind == "org" and customer != invoice.org.customer_id:
            continue  # a customer that the org was linked to before, and that is gone
        copies = row.ask(answer)
        found += copies
    ours = [copy for copy in found if copy.flybill_invoice_id == invoice.invoice_id]
    return sorted(ours, key=lambda copy: (copy.created, copy.stripe_invoice_id))


def _usable(invoice: SyncInvoice, drafts: Sequence[StripeInvoice]) -> list[StripeInvoice]:
    return [draft for draft in drafts if mismatch(invoice, draft, DRAFT, has_lines=False) is None]


def _adopt_draft(invoice: SyncInvoice, draft: StripeInvoice, row: DurableRow, stripe: Stripe) -> None:
    """Goes on with a draft if it has a whole number of our chunks; otherwise deletes it and begins again."""
    present = row.ask(stripe.list_lines(draft.stripe_invoice_id))
    chunk = next_chunk(invoice.lines, present)
    if chunk is None:
        row.ask(stripe.delete_draft(draft.stripe_invoice_id))
        _begin_anew(invoice, row)
    elif chunk == len(chunks(invoice.lines)):
        keep_if_right(invoice, draft, row, "lined")
    else:
        row.commit(
            state="created",
            step=chunk_step(chunk),
            stripe_invoice_id=draft.stripe_invoice_id,
            stripe_customer_id=draft.customer_id,
        )
