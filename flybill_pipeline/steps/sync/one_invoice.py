"""Brings one invoice to Stripe: create, add lines, compare, finalize, compare. What to do in doubt: `recovery.py`."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from flybill_pipeline.billing.sync.checks import mismatch, no_end_in_sight, problem_before_sending
from flybill_pipeline.billing.sync.lines import chunk_step, chunks, first_chunk
from flybill_pipeline.billing.sync.values import Answer, Failure, StripeInvoice, SyncInvoice, step_key
from flybill_pipeline.steps.sync.copy import DRAFT, keep_if_right, stripe_id
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.recovery import MISSING, REFUSED, look
from flybill_pipeline.steps.sync.row import LOOKING, Doubt, DurableRow, Ending, LookFirst, Pause
from flybill_pipeline.steps.sync.tally import Tally

MOST_LOOKS = 3
"""Looks at one invoice in one go; after that it waits its turn again."""


def bring_invoice(invoice: SyncInvoice, row: DurableRow, stripe: Stripe, tally: Tally) -> Ending:
    """Takes the invoice from where its row stands as far as it gets, each step committed; returns where that is."""
    try:
        if problem := problem_before_sending(invoice):
            raise row.ends_as("blocked", problem)
        looks: set[Doubt] = set()
        for _ in range(MOST_LOOKS):
            try:
                return _advance(invoice, row, stripe, looks)
            except LookFirst as cause:
                tally.add("recoveries")
                look(invoice, row, stripe, cause.doubt)
                looks.add(cause.doubt)
        raise row.failed(no_end_in_sight())
    except Pause as pause:
        return pause.ending


def _advance(invoice: SyncInvoice, row: DurableRow, stripe: Stripe, looks: Collection[Doubt]) -> Ending:
    """Goes on from where the row stands. `looks` are those that were made in this go, by their reasons."""
    if row.progress.step in LOOKING or _has_other_terms(invoice, row, stripe):
        raise LookFirst(Doubt.PLACE)
    # Somebody may have changed a draft that lay there: its total was compared long ago, and finalizing is for good.
    if row.progress.state == "lined" and not looks and not row.sent_lately():
        raise LookFirst(Doubt.AGE)
    if row.progress.state == "new":
        _create(invoice, row, stripe)
    if row.progress.state == "created":
        _add_lines(invoice, row, stripe, edited_for_good=Doubt.PLACE in looks)
    if row.progress.state == "lined":
        _finalize(invoice, row, stripe)
    return Ending("finalized")


def _has_other_terms(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> bool:
    """Whether a draft lies at Stripe that was made with other terms, or for another customer, than those of today."""
    return row.progress.state in ("created", "lined") and row.progress.terms != stripe.contents.invoice(invoice)


def _key(invoice: SyncInvoice, step: str, content: str, row: DurableRow) -> str:
    return step_key(invoice.invoice_id, step, content, row.progress.generation)


def _create(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> None:
    terms = stripe.contents.invoice(invoice)
    draft = row.send(
        "create",
        _key(invoice, "create", terms, row),
        lambda key: stripe.create_invoice(invoice, key),
        stripe_customer_id=invoice.org.customer_id,  # known before it is sent: to look there in doubt
    )
    if wrong := mismatch(invoice, draft, DRAFT, has_lines=False):
        row.commit(stripe_invoice_id=draft.stripe_invoice_id)
        raise row.ends_as("mismatch", wrong)
    row.commit_with_next(
        state="created",
        stripe_invoice_id=draft.stripe_invoice_id,
        stripe_customer_id=draft.customer_id,
        stripe_status=draft.status,
        livemode=draft.livemode,
        terms=terms,
    )


def _add_lines(invoice: SyncInvoice, row: DurableRow, stripe: Stripe, *, edited_for_good: bool) -> None:
    """Adds the chunks that are missing. The row's step says which was sent last: those before it are there.

    A draft that somebody has edited since is looked at, and made again; once only, then it is for a person.
    """
    draft_id = stripe_id(row)
    portions = chunks(invoice.lines)
    draft = None
    for number in range(first_chunk(row.progress.step), len(portions)):
        add = partial(stripe.add_lines, draft_id, portions[number])
        step, content = chunk_step(number), stripe.contents.lines(draft_id, portions[number])
        draft = row.send(step, _key(invoice, step, content, row), add)
    if draft is None or (not edited_for_good and mismatch(invoice, draft, DRAFT)):
        raise LookFirst(Doubt.PLACE)
    keep_if_right(invoice, draft, row, "lined")


def _finalize(invoice: SyncInvoice, row: DurableRow, stripe: Stripe) -> None:
    """Makes the draft final. A refusal without a reason may mean that somebody did so at Stripe, or deleted it there:
    it blocks nobody before it is seen that it is a draft.
    """
    draft_id = stripe_id(row)

    def finalize(key: str) -> Answer[StripeInvoice] | Failure:
        answer = stripe.finalize_invoice(draft_id, key)
        if isinstance(answer, Failure) and answer.code == REFUSED:
            there = row.ask_for(stripe.retrieve_invoice(draft_id), MISSING)
            return answer if there is not None and there.status in DRAFT else replace(answer, kind="look_first")
        return answer

    final = row.send("finalize", _key(invoice, "finalize", stripe.contents.finalize(draft_id), row), finalize)
    keep_if_right(invoice, final, row, "finalized")
