"""Drafts are read by shard, many times a month: found by it, and no more by reading all of the month."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """One more index."""
    op.execute("create index drafts_shard on flybill.drafts (month, shard)")
