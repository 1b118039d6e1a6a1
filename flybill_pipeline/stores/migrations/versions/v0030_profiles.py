"""What the customer of an organization was told: its name, its addresses, its tax id.

Customers that were made before are known by the key that they were made under; those that a person linked are looked at
once.
"""

from alembic import op

revision = "0030"
down_revision = "0029"

PROFILES = """
create table flybill.stripe_profiles (
    org_id text primary key references flybill.organizations,
    stripe_customer_id text, profile text,
    state text not null default 'new', generation integer not null default 0,
    step text, step_key text, step_first_sent_at timestamptz, first_sent_at timestamptz, sent_after timestamptz,
    heard_at timestamptz, sent_with text,
    attempts integer not null default 0, calls integer not null default 0, next_attempt_at timestamptz,
    error_kind text, error_code text, error_message text, error_remedy text, error_customer_message text,
    request_id text, livemode boolean, updated_at timestamptz not null default now()
);
"""


def upgrade() -> None:
    """Creates the table; its rows are made when a month is synced."""
    op.execute(PROFILES)
