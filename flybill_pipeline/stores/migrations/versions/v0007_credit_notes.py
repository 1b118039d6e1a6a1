"""Credit notes: what was decided never changes; beside each, how far it is at Stripe."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
create table flybill.credit_notes (
    credit_note_id text primary key, number text not null unique,
    invoice_id text not null, line_no int not null,
    amount_minor bigint not null check (amount_minor > 0), currency text not null,
    reason text not null check (reason <> ''), by text not null check (by <> ''),
    nth int not null check (nth > 0),
    requested_at timestamptz not null, recorded_at timestamptz not null default now(),
    unique (invoice_id, line_no, amount_minor, reason, nth),
    foreign key (invoice_id, line_no) references flybill.invoice_lines (invoice_id, line_no)
);

create trigger insert_only before update or delete on flybill.credit_notes
    for each row execute function flybill.refuse_change();
create trigger never_emptied before truncate on flybill.credit_notes
    for each statement execute function flybill.refuse_change();

create table flybill.stripe_credit_notes (
    credit_note_id text primary key references flybill.credit_notes,
    stripe_line_id text, balance_minor bigint,
    stripe_credit_note_id text unique, stripe_number text, issued_at timestamptz,
    state text not null default 'new' check (state in ('new','issued','mismatch','blocked')),
    generation int not null default 0, step text, step_key text, step_first_sent_at timestamptz,
    first_sent_at timestamptz,
    attempts int not null default 0, calls int not null default 0, next_attempt_at timestamptz,
    error_kind text, error_code text, error_message text, error_remedy text, error_customer_message text,
    request_id text,
    livemode boolean, updated_at timestamptz not null default now()
);
"""


def upgrade() -> None:
    """Creates the tables and their guards."""
    op.execute(TABLES)
