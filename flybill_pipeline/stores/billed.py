"""Our side of the reconciliation: what was billed in a month, and when the sync was at work. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Engine, cast, func, select

from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.reconciliation import OurInvoice
from flybill_pipeline.stores.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline.stores.tables import invoices, stripe_sync


class Billed:
    """The finalized invoices of a month as they ought to be at Stripe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def invoices(self, month: Month) -> Sequence[OurInvoice]:
        """All of them, whether they were synced or not, in order of org ids."""
        c = invoices.c
        credited = (
            select(func.coalesce(func.sum(credit_notes.c.amount_minor), 0))
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
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(c.month == str(month)).order_by(c.org_id))
            return [OurInvoice(**row._mapping) for row in rows]

    def sent_between(self, month: Month) -> tuple[datetime, datetime] | None:
        """When the first call for the month went out and when the last was recorded; None while nothing was sent."""
        times = select(func.min(stripe_sync.c.first_sent_at), func.max(stripe_sync.c.updated_at))
        query = times.join(invoices).where(invoices.c.month == str(month), stripe_sync.c.first_sent_at.is_not(None))
        with self._engine.connect() as connection:
            first, last = connection.execute(query).one()
        return None if first is None else (first, last)
