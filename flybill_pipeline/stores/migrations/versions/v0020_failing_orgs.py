"""Which orgs Stripe refused of late, and for how many the breaker was opened: one org never stops the others."""

from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = """
alter table flybill.stripe_breaker add column orgs integer not null default 1;

create table flybill.stripe_failing (
    org_id text primary key references flybill.organizations (org_id),
    code text, failed_at timestamptz not null, others_passed boolean not null default false
);
"""


def upgrade() -> None:
    """Adds the column and the table; an open breaker stays open as it was."""
    op.execute(TABLES)
