"""Our side of the reconciliation: what was billed in a month, and when it was sent. Reads only."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Engine, cast, false, func, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.reconciliation import OurInvoice, Sent
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.sync.accounts import elsewhere
from flybill_pipeline.stores.sync.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline.stores.sync.tables import stripe_sync


class Billed:
    """The finalized invoices of a month as they ought to be at Stripe: in the account of the key, see `Accounts`."""

    def __init__(self, engine: Engine, key_mark: str = "") -> None:
        self._engine, self._key_mark = engine, key_mark

    def invoices(self, month: Month) -> Sequence[OurInvoice]:
        """All that were not sent to another account, whether they were synced or not, in order of org ids."""
        c, with_tax = invoices.c, stripe_credit_notes.c.total_minor  # Stripe counts what it credited with its tax
        credited = (
            select(func.coalesce(func.sum(func.coalesce(with_tax, credit_notes.c.amount_minor)), 0))
            .join(stripe_credit_notes, stripe_credit_notes.c.credit_note_id == credit_notes.c.credit_note_id)
            .where(credit_notes.c.invoice_id == c.invoice_id, stripe_credit_notes.c.state == "issued")
            .scalar_subquery()
        )
        query = select(
            c.invoice_id,
            c.org_id,
            c.number,
            c.currency,
            c.subtotal_minor.label("amount_minor"),
            cast(credited, BigInteger).label("credited_minor"),
            stripe_sync.c.stripe_invoice_id.label("known_id"),
            stripe_sync.c.stripe_customer_id.label("customer_id"),
            func.coalesce(stripe_sync.c.state, "new").label("sync_state"),
        ).outerjoin(stripe_sync, stripe_sync.c.invoice_id == c.invoice_id)
        here = ~func.coalesce(elsewhere(stripe_sync, self._key_mark), false())
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(c.month == str(month), here).order_by(c.org_id))
            return [OurInvoice(**row._mapping) for row in rows]

    def sent(self, month: Month) -> Sequence[Sent]:
        """When calls were made for each invoice of the month for which any was, by Stripe's clock.

        Where Stripe's clock was not known yet it is ours: what is therefore not listed is asked for by its id.
        """
        c = stripe_sync.c
        last = func.coalesce(c.heard_at, c.updated_at)
        query = (
            select(func.coalesce(c.sent_after, func.least(c.first_sent_at, last)), last, c.stripe_customer_id)
            .join(invoices)
            .where(invoices.c.month == str(month), c.first_sent_at.is_not(None))
            .where(~elsewhere(stripe_sync, self._key_mark))
        )
        with self._engine.connect() as connection:
            return [Sent(*row) for row in connection.execute(query)]
