"""Which account of Stripe's each key belongs to, with which key a row was first sent, and what comparisons came to.

Rows that were sent before know no key: they belong to the account of the first key that is asked about.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = """
alter table flybill.stripe_sync add column sent_with text;
alter table flybill.stripe_customers add column sent_with text;
alter table flybill.stripe_credit_notes add column sent_with text;

create table flybill.stripe_keys (
    key_mark text primary key,
    entry_id bigint generated always as identity,
    account_id text not null, livemode boolean not null
);

create table flybill.stripe_verdicts (
    month text primary key,
    state text not null check (state in ('matches', 'differs', 'other_account', 'not_compared')),
    compared_at timestamptz, content jsonb not null, not_read text
);
"""


def upgrade() -> None:
    """Adds the columns and the tables."""
    op.execute(TABLES)
