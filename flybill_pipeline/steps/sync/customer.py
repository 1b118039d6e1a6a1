"""Gives an org its customer at Stripe, once, under a durable row of its own. Belongs here: that. Does not: invoices."""

from dataclasses import replace

from flybill_pipeline.billing.sync.checks import may_be_under_way, no_end_in_sight
from flybill_pipeline.billing.sync.clocks import search_from
from flybill_pipeline.billing.sync.values import StripeCustomer, SyncOrg, step_key
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.row import LOOK, Doubt, DurableRow, LookFirst
from flybill_pipeline.steps.sync.sent_keys import LATEST
from flybill_pipeline.steps.sync.tally import Tally

MOST_LOOKS = 3
CREATE, UPDATE = "customer", "customer_terms"


def bring_customer(org: SyncOrg, row: DurableRow, stripe: Stripe, tally: Tally) -> SyncOrg:
    """The org with its customer, which is created if there is none yet; raises Pause when that did not succeed.

    An org may be renamed between two attempts, and must not get two customers for it: the one that an earlier attempt
    made is brought up to date.
    """
    if row.progress.state == "finalized":  # someone unlinked the customer that we made before: it needs another
        row.commit(state="new", step=None, generation=row.progress.generation + 1, first_sent_at=None)
    doubt: Doubt | None = None
    for _ in range(MOST_LOOKS):
        try:
            customer_id = _create(org, row, stripe) if doubt is None else _look(org, row, stripe, doubt)
            if customer_id is not None:
                row.commit(state="finalized", step=None, stripe_customer_id=customer_id)
                return replace(org, customer_id=customer_id)
            doubt = None
        except LookFirst as cause:
            tally.add("recoveries")
            doubt = cause.doubt
    raise row.failed(no_end_in_sight())


def _create(org: SyncOrg, row: DurableRow, stripe: Stripe) -> str:
    if row.progress.step not in (None, CREATE):
        raise LookFirst(Doubt.PLACE)
    key = step_key(org.org_id, CREATE, stripe.contents.customer(org), row.progress.generation)
    return row.send(CREATE, key, lambda key: stripe.create_customer(org, key)).customer_id


def _look(org: SyncOrg, row: DurableRow, stripe: Stripe, doubt: Doubt) -> str | None:
    """The customer that an earlier attempt made after all, the oldest if several; None when there is none."""
    if not doubt.keys_stand:
        row.new_keys(LOOK)
    customers: list[StripeCustomer] = []
    if row.progress.first_sent_at is not None:
        customers = row.ask(stripe.find_customers(org.org_id, search_from(row.progress.sent_after)))
    if customers:
        return _up_to_date(org, min(customers, key=lambda customer: customer.created), row, stripe)
    if doubt is Doubt.CONTENT and row.may_still_be_executed():
        raise row.failed(may_be_under_way(LATEST))
    if doubt is Doubt.AGE:
        row.may_send_again()
    elif doubt is Doubt.CONTENT:
        row.new_keys(None)
    else:
        row.commit(step=None)
    return None


def _up_to_date(org: SyncOrg, customer: StripeCustomer, row: DurableRow, stripe: Stripe) -> str:
    """The customer's id, once it has what the org has now: it may have been renamed, or have another address."""
    content = stripe.contents.customer(org)
    if customer.flybill_terms != content:
        row.new_keys(LOOK)
        key = step_key(org.org_id, UPDATE, content, row.progress.generation)
        row.send(UPDATE, key, lambda key: stripe.update_customer(customer.customer_id, org, key))
    return customer.customer_id
