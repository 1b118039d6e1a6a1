"""An event that was deleted is not written again: what it tells is seen as often as Stripe speaks of its invoice."""

from alembic import op

revision = "0044"
down_revision = "0043"

FORGOTTEN = """
create table flybill.told_events (event_id text primary key);

create function flybill.keep_told() returns trigger language plpgsql as $$ begin
    insert into flybill.told_events select event_id from gone on conflict do nothing;
    return null;
end $$;
create trigger told after delete on flybill.events referencing old table as gone
    for each statement execute function flybill.keep_told();

create function flybill.tell_once() returns trigger language plpgsql as $$ begin
    if exists (select from flybill.told_events where event_id = new.event_id) then
        return null;
    end if;
    return new;
end $$;
create trigger told_before before insert on flybill.events for each row execute function flybill.tell_once();
"""
OF_DELETED = """
insert into flybill.told_events
select distinct flybill.event_id(told.type, told.subject)
from flybill.payment_observations, lateral (values
    ('payment.failed', invoice_id || '/' || attempts, status in ('open', 'uncollectible') and attempts > 0),
    ('invoice.paid', invoice_id, status = 'paid')
) as told (type, subject, happened)
where kind = 'invoice' and told.happened and invoice_id is not null and seen_at < now() - interval '90 days'
    and flybill.event_id(told.type, told.subject) not in (select event_id from flybill.events)
"""
NOT_AFTER_THE_PAYMENT = """
create or replace function flybill.tell_payments() returns trigger language plpgsql as $$ begin
    insert into flybill.events (event_id, type, org_id, month, subject, fact, occurred_at)
    select flybill.event_id(told.type, told.subject), told.type, org_id, month, told.subject,
        told.fact || jsonb_build_object('invoice_number', number), told.seen_at
    from (
        select 'payment.failed' as type, invoice_id || '/' || attempts as subject, seen_at, invoice_id,
            stripe_invoice_id, jsonb_build_object('attempts', attempts, 'next_attempt_at', next_attempt_at,
                'due_minor', amount_minor, 'currency', currency, 'hosted_invoice_url', hosted_invoice_url) as fact
        from added where kind = 'invoice' and status in ('open', 'uncollectible') and attempts > 0
        union all
        select 'invoice.paid', invoice_id, coalesce(settled_at, seen_at), invoice_id, stripe_invoice_id,
            jsonb_build_object('paid_minor', paid_minor, 'due_minor', amount_minor, 'currency', currency)
        from added where kind = 'invoice' and status = 'paid'
    ) as told
    join flybill.invoices using (invoice_id)
    join flybill.stripe_sync as sent on sent.invoice_id = told.invoice_id
        and sent.stripe_invoice_id = told.stripe_invoice_id
    where told.type = 'invoice.paid' or not exists (  -- a failure that is heard of late is over
        select from flybill.events as paid
        where paid.event_id = flybill.event_id('invoice.paid', told.invoice_id)
        union all
        select from flybill.told_events as paid
        where paid.event_id = flybill.event_id('invoice.paid', told.invoice_id)
    )
    order by told.seen_at, told.type desc on conflict do nothing;
    return null;
end $$;
"""


def upgrade() -> None:
    """Creates the table and its triggers, and names what was deleted before; credits of an org are found by its id."""
    for part in (FORGOTTEN, OF_DELETED, NOT_AFTER_THE_PAYMENT):
        op.execute(part)
    op.execute("create index credit_uses_org on flybill.credit_uses (org_id)")
