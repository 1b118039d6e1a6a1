"""A credit note keeps what it was sent with and what it came to at Stripe: with tax these are not our amount."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Adds the columns; what was issued before had no tax."""
    op.execute("alter table flybill.stripe_credit_notes add sent_minor bigint, add total_minor bigint")
