"""Brings one invoice to Stripe: create, add lines, compare, finalize, compare. What to do in doubt: `recovery.py`."""

from functools import partial

from flybill_pipeline.billing.sync.checks import mismatch, no_end_in_sight, problem_before_sending
from flybill_pipeline.billing.sync.lines import chunk_step, chunks, first_chunk
from flybill_pipeline.billing.sync.values import SyncInvoice, step_key
from flybill_pipeline.steps.sync.copy import DRAFT, keep_if_right, stripe_id
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.recovery import look
from flybill_pipeline.steps.sync.row import LOOKING, DurableRow, Ending, LookFirst, Pause
from flybill_pipeline.steps.sync.tally import Tally

MOST_LOOKS = 3
"""Looks at one invoice in one go; after that it waits its turn again."""


def bring_invoice(invoice: SyncInvoice, row: DurableRow, stripe: Stripe, tally: Tally) -> Ending:
    """Takes the invoice from where its row stands as far as it gets, each step committed; returns where that is."""
    try:
        if problem := problem_before_sending(invoice):
            raise row.ends_as("blocked", problem)
        looked = False
        for _ in range(MOST_LOOKS):
            try:
                return _advance(invoice, row, stripe, looked=looked)
            except LookFirst:
                tally.add("recoveries")
                look(invoice, row, stripe)
                looked = True
        raise row.failed(no_end_in_sight())
    except Pause as pause:
        return pause.ending


def _advance(invoice: SyncInvoice, row: DurableRow, stripe: Stripe, *, looked: bool) -> Ending:
    if row.progress.step in LOOKING or _relinked(invoice, row):
        raise LookFirst
    # Somebody may have changed a draft that lay there: its total was compared long ago, and finalizing is for good.
    if row.progress.state == "lined" and not looked and not row.sent_lately():
        raise LookFirst
    if row.progress.state == "new":
        _create(invoice, row, stripe)
    if row.progress.state == "created":
        _add_lines(invoice, row, stripe)
    if row.progress.state == "lined":
        _finalize(invoice, row, stripe)
    return Ending("finalized")


def _relinked(invoice: SyncInvoice, row: DurableRow) -> bool:
    """Whether the org has another customer than the one that something was sent for: it may have a draft of ours."""
    return row.progress.first_sent_at is not None and row.progress.stripe_customer_id not in (
        None,
        invoice.org.customer_id,
    )


def _key(invoice: SyncInvoice, step: str, row: DurableRow) -> str:
    return step_key(invoice.invoice_id, step, invoice.content_hash, row.progress.generation)


def _create(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> None:
    if row.progress.stripe_customer_id != invoice.org.customer_id:  # known before it is sent: to look there in doubt
        row.commit_with_next(stripe_customer_id=invoice.org.customer_id)
    draft = row.send("create", _key(invoice, "create", row), lambda key: stripe.create_invoice(invoice, key))
    if wrong := mismatch(invoice, draft, DRAFT, has_lines=False):
        row.commit(stripe_invoice_id=draft.stripe_invoice_id)
        raise row.ends_as("mismatch", wrong)
    row.commit_with_next(
        state="created",
        stripe_invoice_id=draft.stripe_invoice_id,
        stripe_customer_id=draft.customer_id,
        stripe_status=draft.status,
        livemode=draft.livemode,
    )


def _add_lines(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> None:
    """Adds the chunks that are missing. The row's step says which was sent last: those before it are there."""
    draft_id = stripe_id(row)
    portions = chunks(invoice.lines)
    draft = None
    for number in range(first_chunk(row.progress.step), len(portions)):
        add = partial(stripe.add_lines, draft_id, portions[number])
        step = chunk_step(number)
        draft = row.send(step, _key(invoice, step, row), add)
    if draft is None:
        raise LookFirst
    keep_if_right(invoice, draft, row, "lined")


def _finalize(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> None:
    draft_id = stripe_id(row)
    final = row.send("finalize", _key(invoice, "finalize", row), lambda key: stripe.finalize_invoice(draft_id, key))
    keep_if_right(invoice, final, row, "finalized")
