"""What a developer owes, for anybody's dashboard: three views that the readers' role may read, each column explained.

They say of a settled month what `flybill owes` says. A migration that changes a column below them drops the views first
and makes them again.
"""

from collections.abc import Mapping

from alembic import op

revision = "0034"
down_revision = "0033"

# Of each object of Stripe's the furthest state counts, of equal ones the one seen last: see billing's standing.py.
SEEN = """
    select distinct on (object_id) * from (
        select 'invoice' as kind, s.stripe_invoice_id as object_id, s.stripe_status as status,
            s.stripe_amount_due_minor as amount_minor, i.finalized_at as seen_at, 0::bigint as paid_minor,
            0::bigint as pre_payment_minor, 0 as attempts, null::timestamptz as next_attempt_at,
            null::timestamptz as due_at, null::timestamptz as settled_at, s.hosted_invoice_url,
            null::text as invoice_pdf, '' as observation_id
        union all
        select kind, object_id, status, amount_minor, seen_at, paid_minor, pre_payment_minor, attempts,
            next_attempt_at, due_at, settled_at, hosted_invoice_url, invoice_pdf, observation_id
        from flybill.payment_observations o
        where o.invoice_id = i.invoice_id and o.stripe_invoice_id = s.stripe_invoice_id
    ) as seen
    order by object_id, case
        when (kind, status) in (('invoice', 'paid'), ('invoice', 'void'), ('refund', 'failed'), ('refund', 'canceled'))
            then 2
        when (kind, status) in (
            ('invoice', 'uncollectible'), ('payment', 'paid'), ('payment', 'canceled'), ('credit_note', 'void'),
            ('refund', 'succeeded'), ('dispute', 'warning_closed'), ('dispute', 'won'), ('dispute', 'lost'),
            ('dispute', 'prevented')
        ) then 1
        else 0
    end desc, attempts desc, seen_at desc, observation_id collate "C" desc
"""

MONEY = f"""
    select
        max(status) filter (where kind = 'invoice') as status,
        max(amount_minor) filter (where kind = 'invoice') as due_minor,
        greatest(
            max(paid_minor) filter (where kind = 'invoice'),
            coalesce(sum(amount_minor) filter (where kind = 'payment' and status = 'paid'), 0)::bigint
        ) as paid_minor,
        coalesce(sum(pre_payment_minor) filter (where kind = 'credit_note' and status = 'issued'), 0)::bigint
            as reduced_minor,
        coalesce(sum(amount_minor) filter (where kind = 'credit_note' and status = 'issued'), 0)::bigint
            as credited_minor,
        coalesce(sum(amount_minor) filter (
            where kind = 'refund' and status in ('pending', 'requires_action', 'succeeded')
        ), 0)::bigint as refunded_minor,
        coalesce(sum(amount_minor) filter (
            where kind = 'dispute'
                and status in ('warning_needs_response', 'warning_under_review', 'needs_response', 'under_review')
        ), 0)::bigint as disputed_minor,
        coalesce(sum(amount_minor) filter (where kind = 'dispute' and status = 'lost'), 0)::bigint as lost_minor,
        max(attempts) filter (where kind = 'invoice') as attempts,
        max(next_attempt_at) filter (where kind = 'invoice') as next_attempt_at,
        max(due_at) filter (where kind = 'invoice') as due_at,
        max(settled_at) filter (where kind = 'invoice') as settled_at,
        max(hosted_invoice_url) filter (where kind = 'invoice') as hosted_invoice_url,
        max(invoice_pdf) filter (where kind = 'invoice') as invoice_pdf,
        max(seen_at) filter (where kind = 'invoice') as seen_at,
        max(seen_at) filter (where kind = 'payment') as payment_at,
        max(seen_at) filter (where kind = 'refund') as refund_at,
        max(seen_at) filter (where kind = 'dispute') as dispute_at
    from ({SEEN}) as latest
"""

OPEN = """
    select case
        when m.status in ('paid', 'void') then 0 else greatest(0, m.due_minor - m.reduced_minor - m.paid_minor)
    end as open_minor
"""

STATE = """
    select case
        when m.status = 'void' then 'voided'
        when m.disputed_minor > 0 then 'disputed'
        when m.lost_minor > 0 then 'dispute_lost'
        when u.open_minor = 0 and m.refunded_minor > 0 and m.refunded_minor >= m.paid_minor then 'refunded'
        when u.open_minor = 0 and m.credited_minor > 0 and m.paid_minor = 0 then 'credited'
        when u.open_minor = 0 then 'paid'
        when m.status = 'uncollectible' then 'uncollectible'
        when m.attempts > 0 then 'failed'
        when m.due_at < now() then 'past_due'
        when m.paid_minor > 0 then 'partly_paid'
        else 'open'
    end as state
"""

PAYMENTS = f"""
create view flybill.statement_payments as
select
    i.org_id, i.month, i.number as invoice_number, p.state, i.currency,
    m.due_minor, m.paid_minor, u.open_minor, m.credited_minor, m.refunded_minor, m.disputed_minor, m.lost_minor,
    case
        when p.state in ('paid', 'voided', 'uncollectible') and m.settled_at is not null then m.settled_at
        when p.state = 'paid' then coalesce(m.payment_at, m.seen_at)
        when p.state = 'refunded' then coalesce(m.refund_at, m.seen_at)
        when p.state in ('disputed', 'dispute_lost') then coalesce(m.dispute_at, m.seen_at)
        else m.seen_at
    end as since,
    m.attempts,
    case when m.status not in ('paid', 'void') then m.next_attempt_at end as next_attempt_at,
    m.due_at, s.stripe_invoice_id, m.hosted_invoice_url, m.invoice_pdf,
    (select max(read_up_to) from flybill.payment_polls) as read_up_to
from flybill.invoices i
join flybill.stripe_sync s on s.invoice_id = i.invoice_id and s.state = 'finalized' and s.stripe_invoice_id is not null
cross join lateral ({MONEY}) as m
cross join lateral ({OPEN}) as u
cross join lateral ({STATE}) as p
"""

MONTHS = """
create view flybill.statement_months as
select
    k.org_id, org.name as org_name, k.month, t.starts_at, t.ends_at,
    case
        when o.outcome is null then case when now() < t.ends_at then 'open' else 'closing' end
        when o.outcome <> 'invoiced' then o.outcome
        else coalesce(nullif(p.state, 'open'), case when p.state is null then 'invoiced' else 'payable' end)
    end as state,
    o.customer_message as message,
    case when s.state in ('blocked', 'mismatch') then s.error_customer_message end as notice,
    coalesce(i.currency, o.currency, d.currency, org.currency) as currency,
    coalesce(i.subtotal_minor, o.total_minor, d.total_minor, 0) as total_minor,
    coalesce(c.credited_minor, 0) as credited_minor,
    i.subtotal_minor - coalesce(c.credited_minor, 0) as left_minor,
    coalesce(i.usage_up_to, d.usage_up_to) as usage_up_to,
    d.priced_at, i.number as invoice_number, i.finalized_at
from (select month, org_id from flybill.drafts union select month, org_id from flybill.outcomes) as k
cross join lateral (
    select (k.month || '-01')::timestamp at time zone 'UTC' as starts_at,
        ((k.month || '-01')::timestamp + interval '1 month') at time zone 'UTC' as ends_at
) as t
left join flybill.organizations org on org.org_id = k.org_id
left join flybill.drafts d on d.month = k.month and d.org_id = k.org_id
left join flybill.outcomes o on o.month = k.month and o.org_id = k.org_id
left join flybill.invoices i on i.month = k.month and i.org_id = k.org_id
left join flybill.stripe_sync s on s.invoice_id = i.invoice_id
left join flybill.statement_payments p on p.month = i.month and p.org_id = i.org_id
left join lateral (
    select sum(n.amount_minor)::bigint as credited_minor
    from flybill.credit_notes n join flybill.stripe_credit_notes sent on sent.credit_note_id = n.credit_note_id
    where n.invoice_id = i.invoice_id and sent.state <> 'blocked'
) as c on true
"""

LINE = """l.line_no, l.kind, l.meter, l.title as name, l.dimensions, l.service_month, l.quantity, l.unit,
    l.amount_minor, l.currency, l.description, l.working, coalesce(l.portions, '[]') as portions"""

LINES = f"""
create view flybill.statement_lines as
select i.org_id, i.month, i.number as invoice_number, {LINE}
from flybill.invoices i join flybill.invoice_lines l on l.invoice_id = i.invoice_id
union all
select l.org_id, l.month, null, {LINE}
from flybill.line_items l
where not exists (select from flybill.invoices i where i.month = l.month and i.org_id = l.org_id)
"""

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "statement_months": {
        "org_id": "the organization",
        "org_name": "its name as it is today; none where nobody imported it",
        "month": "the month, such as 2026-10",
        "starts_at": "when it begins: midnight UTC",
        "ends_at": "when the next one begins: midnight UTC",
        "state": "where it stands, in the words of `flybill owes --json`",
        "message": "what the customer was told when the month was settled or held; none before",
        "notice": "what the customer is told of an invoice that waits for us; none where nothing waits",
        "currency": "the currency of the amounts, such as usd",
        "total_minor": "what it comes to before tax, in minor units such as cents; while it is open, so far",
        "credited_minor": "what of the invoice was credited since",
        "left_minor": "what the invoice comes to after that; none while there is no invoice",
        "usage_up_to": "the time of the last usage that is counted",
        "priced_at": "when it was priced last: an open month is as fresh as this",
        "invoice_number": "the number of the invoice; none while there is none",
        "finalized_at": "when the invoice was made",
    },
    "statement_lines": {
        "org_id": "the organization",
        "month": "the month whose statement the line is on",
        "invoice_number": "the number of the invoice; none while there is none, as the line may still change",
        "line_no": "the line of the statement, from 1",
        "kind": "usage, or what else it is, such as subscription, discount, credit, adjustment",
        "meter": "the meter by its id; none where nothing was measured",
        "name": "the meter by what people call it",
        "dimensions": "by what the price was chosen or split, such as region, as a JSON object",
        "service_month": "the month in which it was used, which may be an earlier one",
        "quantity": "how much, exactly",
        "unit": "of what",
        "amount_minor": "what it costs before tax, in minor units such as cents",
        "currency": "the currency of the amount, such as usd",
        "description": "the line in words",
        "working": "how the amount came about, step by step, as a JSON array",
        "portions": "the parts of the line that it is shown by, such as apps, as a JSON array; they sum to the line",
    },
    "statement_payments": {
        "org_id": "the organization",
        "month": "the month that was invoiced",
        "invoice_number": "the number of the invoice",
        "state": "where its payment stands, as `payment.state` of `flybill owes --json`",
        "currency": "the currency of the amounts, such as usd",
        "due_minor": "what was asked for, with tax and after the customer's balance",
        "paid_minor": "what was paid",
        "open_minor": "what is still to come",
        "credited_minor": "what credit notes gave back, with tax",
        "refunded_minor": "what was paid back",
        "disputed_minor": "what the customer's bank may take back",
        "lost_minor": "what it took back",
        "since": "when the state was reached, as far as Stripe told",
        "attempts": "how often Stripe tried to collect it",
        "next_attempt_at": "when Stripe tries again; none where it does not",
        "due_at": "until when it is to be paid; none where Stripe collects it",
        "stripe_invoice_id": "the invoice at Stripe",
        "hosted_invoice_url": "the page where the customer pays or looks",
        "invoice_pdf": "Stripe's PDF of the invoice",
        "read_up_to": "how fresh all of this is: what happened at Stripe until then is known",
    },
}
"""View → column → what it says; the same stands in docs/statements.md."""


def upgrade() -> None:
    """Creates the views, and says of each column what it is."""
    for view in (PAYMENTS, MONTHS, LINES):
        op.execute(view)
    for name, columns in COLUMNS.items():
        for column, words in columns.items():
            text = words.replace("'", "''")
            op.execute(f"comment on column flybill.{name}.{column} is '{text}'")
