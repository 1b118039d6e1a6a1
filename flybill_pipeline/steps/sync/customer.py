"""Gives an org its customer at Stripe, once, under a durable row of its own. Belongs here: that. Does not: invoices."""

from dataclasses import replace
from datetime import timedelta

from flybill_pipeline.billing.sync.checks import no_end_in_sight
from flybill_pipeline.billing.sync.values import SyncOrg, step_key
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.row import LOOK, LOOKING, DurableRow, LookFirst
from flybill_pipeline.steps.sync.tally import Tally

MOST_LOOKS = 3
SKEW = timedelta(minutes=5)
"""By how much Stripe's clock may differ from ours. Short: every customer made since then has to be looked through."""


def bring_customer(org: SyncOrg, row: DurableRow, stripe: Stripe, tally: Tally) -> SyncOrg:
    """The org with its customer, which is created if there is none yet; raises Pause when that did not succeed.

    The key holds no content: an org may be renamed between two attempts, and must not get two customers for it.
    """
    if row.progress.state == "finalized":  # someone unlinked the customer that we made before: it needs another
        row.commit(state="new", step=None, generation=row.progress.generation + 1, first_sent_at=None)
    for _ in range(MOST_LOOKS):
        try:
            return _create(org, row, stripe)
        except LookFirst:
            tally.add("recoveries")
            if found := _look(org, row, stripe):
                return _linked(org, row, found)
    raise row.failed(no_end_in_sight())


def _create(org: SyncOrg, row: DurableRow, stripe: Stripe) -> SyncOrg:
    if row.progress.step in LOOKING:
        raise LookFirst
    key = step_key(org.org_id, "customer", "", row.progress.generation)
    created = row.send("customer", key, lambda key: stripe.create_customer(org, key))
    return _linked(org, row, created.customer_id)


def _look(org: SyncOrg, row: DurableRow, stripe: Stripe) -> str | None:
    """The id of the customer that an earlier attempt made after all, the oldest if several; None when there is none."""
    row.commit(state="new", step=LOOK, step_key=None, generation=row.progress.generation + 1)
    found = []
    if row.progress.first_sent_at is not None:
        since = row.progress.first_sent_at - SKEW
        found = [c for c in row.ask(stripe.find_customers(since)) if c.flybill_org_id == org.org_id]
    if not found:
        row.commit(step=None)
        return None
    return min(found, key=lambda customer: customer.created).customer_id


def _linked(org: SyncOrg, row: DurableRow, customer_id: str) -> SyncOrg:
    row.commit(state="finalized", step=None, stripe_customer_id=customer_id)
    return replace(org, customer_id=customer_id)
