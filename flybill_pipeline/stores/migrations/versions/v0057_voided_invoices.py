"""That an invoice was taken back is told, and no failed payment of one that was: the platform's last word was a failure
that nobody is to pay any more.
"""

from alembic import op

from flybill_pipeline.stores.migrations.versions.v0044_told_for_good import NOT_AFTER_THE_PAYMENT

revision = "0057"
down_revision = "0056"

CHANGES = (
    (
        """        from added where kind = 'invoice' and status = 'paid'
    ) as told""",
        """        from added where kind = 'invoice' and status = 'paid'
        union all
        select 'invoice.voided', invoice_id, coalesce(settled_at, seen_at), invoice_id, stripe_invoice_id,
            jsonb_build_object('due_minor', amount_minor, 'currency', currency)
        from added where kind = 'invoice' and status = 'void'
    ) as told""",
    ),
    (
        "where told.type = 'invoice.paid' or not exists (  -- a failure that is heard of late is over\n",
        """where told.type = 'invoice.paid'
        -- a wrong copy is voided to be made again
        or told.type = 'invoice.voided' and sent.state = 'finalized'
        or told.type = 'payment.failed' and not exists (  -- a failure that is heard of late is over
        select from flybill.payment_observations as voided
        where voided.invoice_id = told.invoice_id and voided.object_id = told.stripe_invoice_id
            and voided.status = 'void'
        union all
""",
    ),
)
BEFORE = """
insert into flybill.told_events
select distinct flybill.event_id('invoice.voided', invoice_id) from flybill.payment_observations
where kind = 'invoice' and status = 'void' and invoice_id is not null
on conflict do nothing
"""


def upgrade() -> None:
    """Replaces the function. What was taken back before is not told."""
    told = NOT_AFTER_THE_PAYMENT
    for before, after in CHANGES:
        assert before in told, before
        told = told.replace(before, after, 1)
    op.execute(told)
    op.execute(BEFORE)
