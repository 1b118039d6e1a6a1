"""What is seen of payments at Stripe: observations that never change, and how far the events are read."""

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
create table flybill.payment_observations (
    observation_id text primary key,
    via text not null check (via in ('events', 'listing', 'webhook')),
    kind text not null check (kind in ('invoice', 'payment', 'credit_note', 'refund', 'dispute')),
    object_id text not null, status text not null, currency text not null, amount_minor bigint not null,
    seen_at timestamptz not null,
    stripe_invoice_id text, invoice_id text references flybill.invoices, payment_intent text,
    paid_minor bigint not null, pre_payment_minor bigint not null, attempts int not null,
    next_attempt_at timestamptz, due_at timestamptz, settled_at timestamptz,
    hosted_invoice_url text, invoice_pdf text,
    recorded_at timestamptz not null default now()
);
create index payment_observations_invoice on flybill.payment_observations (invoice_id);
create index payment_observations_intent on flybill.payment_observations (payment_intent);

create trigger insert_only before update or delete on flybill.payment_observations
    for each row execute function flybill.refuse_change();
create trigger never_emptied before truncate on flybill.payment_observations
    for each statement execute function flybill.refuse_change();

create table flybill.payment_polls (
    name text primary key,
    read_up_to timestamptz, tried_at timestamptz, failing_since timestamptz, failure text, remedy text,
    fell_back_at timestamptz
);
"""


def upgrade() -> None:
    """Creates the tables and guards the observations."""
    op.execute(TABLES)
