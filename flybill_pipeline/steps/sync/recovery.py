"""What to do in doubt: look what Stripe has of an invoice, then go on from there.

The look begins with the id that is known. What is searched for by customer and metadata is what no id is known of, from
a moment of Stripe's clock on. Belongs here: finding, adopting and deleting copies. Does not: the ordinary way of an
invoice (`one_invoice.py`).
"""

from collections.abc import Sequence
from dataclasses import replace

from flybill_pipeline.billing.sync.checks import WITHDRAWN, may_be_under_way, mismatch, two_finalized
from flybill_pipeline.billing.sync.clocks import search_from
from flybill_pipeline.billing.sync.lines import chunk_step, chunks, next_chunk
from flybill_pipeline.billing.sync.values import Failure, StripeInvoice, SyncInvoice
from flybill_pipeline.steps.sync.copy import DRAFT, keep_if_right
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.row import LOOK, REPAIR, Doubt, DurableRow
from flybill_pipeline.steps.sync.sent_keys import LATEST

MISSING = "invoice_missing"
"""The code of the failure that Stripe does not know an id."""
GONE = "customer_missing"
"""The code of the failure that Stripe does not know a customer, or has deleted it."""
REFUSED = "refused"
"""The code of a refusal of which nothing more is known."""
FURTHER = "already_further"
"""The code of the failure that an invoice is no draft any more."""


def look(invoice: SyncInvoice, row: DurableRow, stripe: Stripe, doubt: Doubt) -> None:
    """Brings the row to what Stripe really has; raises Pause when that cannot be seen now, or needs a person."""
    Look(invoice, row, stripe, doubt).settle()


class Look:
    """One look at one invoice. `doubt` says why, and with it whether the old keys stand."""

    def __init__(self, invoice: SyncInvoice, row: DurableRow, stripe: Stripe, doubt: Doubt) -> None:
        self._invoice, self._row, self._stripe, self._doubt = invoice, row, stripe, doubt
        self._repaired = row.progress.step == REPAIR
        self._keys_stand = doubt.keys_stand

    def settle(self) -> None:
        """Adopts what is right, deletes drafts that are not, and begins again where nothing is left.

        New keys are committed before anything is deleted or made: a draft that is deleted here must not come back as
        the stored answer to an old key.
        """
        if not self._keys_stand:
            self._row.new_keys(REPAIR if self._repaired else LOOK)
        copies = [copy for copy in self._copies() if not (_is_being_edited(copy) or self._is_withdrawn(copy))]
        final = [copy for copy in copies if copy.status not in (*DRAFT, "void")]
        if len(final) > 1:
            raise self._row.ends_as("mismatch", two_finalized(final))
        voided = [copy for copy in copies if copy.status == "void" and not self._repaired]
        drafts = [copy for copy in copies if copy.status in DRAFT]
        kept = (final or voided or self._usable(drafts))[:1]
        orphans = [draft for draft in drafts if draft not in kept]
        self._delete(orphans)
        if not kept:
            self._nothing_there(was_executed=bool(orphans))
        elif kept[0].status in DRAFT:
            self._adopt_draft(kept[0])
        else:
            keep_if_right(self._as_sent(kept[0]), kept[0], self._row, "finalized", numbered=False)

    def _is_withdrawn(self, copy: StripeInvoice) -> bool:
        """Whether a person says of a copy that cannot be deleted or voided that it stands for nothing any more."""
        return self._repaired and copy.flybill_invoice_id == WITHDRAWN and copy.status not in (*DRAFT, "open")

    def _copies(self) -> list[StripeInvoice]:
        """All of Stripe's copies of this invoice, the oldest first; none if nothing was ever sent."""
        if self._row.progress.first_sent_at is None:
            return []
        known = self._known_copy()
        if known is not None and self._doubt is Doubt.AGE:
            return [known]
        copies = {copy.stripe_invoice_id: copy for copy in self._searched()}
        if known is not None:
            copies[known.stripe_invoice_id] = known
        return sorted(copies.values(), key=lambda copy: (copy.created, copy.stripe_invoice_id))

    def _known_copy(self) -> StripeInvoice | None:
        """The copy that Stripe gave us before, whatever has become of its metadata; None when there is none."""
        known = self._row.progress.stripe_invoice_id
        if known is None:
            return None
        return self._row.ask_for(self._stripe.retrieve_invoice(known), MISSING)

    def _searched(self) -> list[StripeInvoice]:
        """The copies that the org's customers have, by their metadata."""
        searched: list[StripeInvoice] = []
        now, before = self._invoice.org.customer_id, self._row.progress.stripe_customer_id
        for customer in dict.fromkeys((now, before)):
            if customer is None:
                continue
            answer = self._stripe.find_invoices(customer, search_from(self._row.progress.sent_after))
            if isinstance(answer, Failure) and answer.code == GONE and customer != now:
                continue  # a customer that the org was linked to before
            copies = self._row.ask(answer)
            searched += copies
        return [copy for copy in searched if copy.flybill_invoice_id == self._invoice.invoice_id]

    def _as_sent(self, copy: StripeInvoice) -> SyncInvoice:
        """The invoice with the customer that it was sent for, if the copy is that one's: linking the org to another one
        since does not undo what was finalized, whether or not we heard of it.
        """
        if copy.customer_id != self._row.progress.stripe_customer_id:
            return self._invoice
        return replace(self._invoice, org=replace(self._invoice.org, customer_id=copy.customer_id))

    def _usable(self, drafts: Sequence[StripeInvoice]) -> list[StripeInvoice]:
        """The drafts that are ours in everything, and were made with the terms of today."""
        terms = self._stripe.contents.invoice(self._invoice)
        return [
            draft
            for draft in drafts
            if draft.flybill_terms == terms and mismatch(self._invoice, draft, DRAFT, has_lines=False) is None
        ]

    def _delete(self, drafts: Sequence[StripeInvoice]) -> None:
        if drafts and self._keys_stand:
            self._end_keys(LOOK)
        for orphan in drafts:
            self._delete_one(orphan.stripe_invoice_id)

    def _delete_one(self, draft_id: str) -> None:
        """A draft that is gone already is as good as deleted; one that became final is for the next look."""
        answer = self._stripe.delete_draft(draft_id)
        if self._row.ask_for(answer, MISSING, FURTHER, REFUSED) is not None or not isinstance(answer, Failure):
            return
        there = self._row.ask_for(self._stripe.retrieve_invoice(draft_id), MISSING)
        if there is not None:
            raise self._row.failed(answer if there.status in DRAFT else replace(answer, kind="look_first"))

    def _end_keys(self, step: str | None) -> None:
        self._row.new_keys(step)
        self._keys_stand = False

    def _nothing_there(self, *, was_executed: bool) -> None:
        """What was sent is not there. `was_executed`: because it was deleted just now."""
        if self._doubt is Doubt.CONTENT and not was_executed and self._row.may_still_be_executed():
            raise self._row.failed(may_be_under_way(LATEST))
        if self._doubt is Doubt.AGE and self._keys_stand and self._row.progress.state == "new":
            self._row.may_send_again()
            return
        if self._keys_stand:
            self._end_keys(LOOK)
        self._row.commit(
            state="new",
            step=None,
            stripe_invoice_id=None,
            stripe_customer_id=self._invoice.org.customer_id,
            terms=None,
        )

    def _adopt_draft(self, draft: StripeInvoice) -> None:
        """Goes on with a draft if it has a whole number of our chunks; otherwise deletes it and begins again."""
        present: Sequence[str] | None = draft.line_ids
        if present is None:
            present = self._row.ask(self._stripe.list_lines(draft.stripe_invoice_id))
        chunk = next_chunk(self._invoice.lines, present)
        if chunk is None:
            self._delete([draft])
            self._nothing_there(was_executed=True)
        elif chunk == len(chunks(self._invoice.lines)):
            keep_if_right(self._invoice, draft, self._row, "lined")
        else:
            self._go_on_with(draft, chunk_step(chunk))

    def _go_on_with(self, draft: StripeInvoice, step: str) -> None:
        """The draft lacks the lines of `step`: if it was just these that were in doubt, they go under their old key."""
        in_doubt = step == self._row.progress.step
        if in_doubt and self._doubt is Doubt.CONTENT and self._row.may_still_be_executed():
            raise self._row.failed(may_be_under_way(LATEST))
        if in_doubt and self._doubt is Doubt.AGE:
            self._row.may_send_again()
        elif self._keys_stand:
            self._end_keys(LOOK)
        self._row.commit(
            state="created",
            step=step,
            stripe_invoice_id=draft.stripe_invoice_id,
            stripe_customer_id=draft.customer_id,
            terms=draft.flybill_terms,
        )


def _is_being_edited(copy: StripeInvoice) -> bool:
    """Whether it is a person's work: what is final there stands until the draft takes its place."""
    return copy.revises is not None and copy.status in DRAFT
