"""The moments at which calls to Stripe may leave, for all processes together. What they mean: stores/sync/slots.py."""

from alembic import op

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Unlogged: it is written for each call, and nothing of it is needed once the server has crashed."""
    op.execute(
        "create unlogged table flybill.stripe_slots"
        " (lane text primary key, next_at timestamptz not null, step interval not null,"
        " counts_until timestamptz[] not null)"
    )
