"""Events for the platform: each is written by the database itself, in the transaction of the fact that it tells."""

from alembic import op

revision = "0040"
down_revision = "0039"

TABLE = """
create table flybill.events (
    event_no bigint generated always as identity primary key,
    event_id text not null unique,
    type text not null, org_id text not null, month text, subject text not null,
    fact jsonb not null, occurred_at timestamptz not null, data jsonb,
    attempts integer not null default 0, next_attempt_at timestamptz,
    attempted_at timestamptz, status integer, error text,
    delivered_at timestamptz, given_up_at timestamptz, replays integer not null default 0
);
create index events_waiting on flybill.events (org_id, event_no) where delivered_at is null and given_up_at is null;
create index events_org on flybill.events (org_id, event_no);
create index events_done on flybill.events (occurred_at);

create function flybill.event_id(type text, subject text) returns text language sql immutable as $$
    select 'evt_' || left(encode(sha256(convert_to(type || E'\\n' || subject, 'UTF8')), 'hex'), 32)
$$;
"""
FINALIZED = """
create function flybill.tell_finalized() returns trigger language plpgsql as $$ begin
    insert into flybill.events (event_id, type, org_id, month, subject, fact, occurred_at)
    select flybill.event_id('invoice.finalized', invoice_id), 'invoice.finalized', org_id, month, invoice_id,
        jsonb_build_object('invoice_number', number, 'total_minor', subtotal_minor, 'currency', currency), finalized_at
    from added order by number on conflict do nothing;
    return null;
end $$;
create trigger told after insert on flybill.invoices referencing new table as added
    for each statement execute function flybill.tell_finalized();
"""
SYNCED = """
create function flybill.tell_synced() returns trigger language plpgsql as $$ begin
    insert into flybill.events (event_id, type, org_id, month, subject, fact, occurred_at)
    select flybill.event_id('invoice.synced', invoice_id), 'invoice.synced', org_id, month, invoice_id,
        jsonb_build_object('invoice_number', number, 'total_minor', subtotal_minor, 'currency', currency,
            'stripe_invoice_id', new.stripe_invoice_id, 'hosted_invoice_url', new.hosted_invoice_url), new.updated_at
    from flybill.invoices where invoice_id = new.invoice_id on conflict do nothing;
    return null;
end $$;
create trigger told after update of state on flybill.stripe_sync for each row
    when (new.state = 'finalized' and old.state is distinct from 'finalized')
    execute function flybill.tell_synced();
"""
HELD = """
create function flybill.tell_held() returns trigger language plpgsql as $$ begin
    insert into flybill.events (event_id, type, org_id, month, subject, fact, occurred_at)
    select flybill.event_id('org.held', entry_id::text), 'org.held', org_id, month, entry_id::text,
        jsonb_build_object('code', code, 'total_minor', total_minor), at
    from added where action = 'held' order by entry_id on conflict do nothing;
    return null;
end $$;
create trigger told after insert on flybill.audit referencing new table as added
    for each statement execute function flybill.tell_held();
"""
PAID = """
create function flybill.tell_payments() returns trigger language plpgsql as $$ begin
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
    )
    order by told.seen_at, told.type desc on conflict do nothing;
    return null;
end $$;
create trigger told after insert on flybill.payment_observations referencing new table as added
    for each statement execute function flybill.tell_payments();
"""
BUDGETS = """
create function flybill.tell_budgets() returns trigger language plpgsql as $$ begin
    insert into flybill.events (event_id, type, org_id, month, subject, fact, occurred_at)
    select flybill.event_id(told.type, warning_id), told.type, org_id, month, warning_id, jsonb_build_object(
            'budget_id', budget_id, 'scope', scope, 'budget_minor', budget_minor, 'spent_minor', spent_minor,
            'forecast_minor', forecast_minor, 'currency', currency, 'message', message) || told.mark, told_at
    from added, lateral (select
        case kind when 'threshold' then 'usage.budget_reached' when 'forecast' then 'usage.forecast_above_budget'
            else 'usage.unusual_day' end as type,
        case kind when 'threshold' then jsonb_build_object('threshold', added.mark::integer)
            when 'jump' then jsonb_build_object('day', added.mark) else '{}' end as mark
    ) as told order by org_id, budget_id, kind desc, length(added.mark), added.mark on conflict do nothing;
    return null;
end $$;
create trigger told after insert on flybill.budget_warnings referencing new table as added
    for each statement execute function flybill.tell_budgets();
"""


def upgrade() -> None:
    """Creates the table, and the triggers that write it. What happened before is not told."""
    for part in (TABLE, FINALIZED, SYNCED, HELD, PAID, BUDGETS):
        op.execute(part)
