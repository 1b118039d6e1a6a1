"""Events that Stripe pushed and that could not be read are kept by name, with the reason."""

from alembic import op

revision = "0032"
down_revision = "0031"

UNREAD = """
create table flybill.unread_events (
    event_id text primary key, kind text not null, reason text not null,
    recorded_at timestamptz not null default now()
);
"""


def upgrade() -> None:
    """Creates the table."""
    op.execute(UNREAD)
