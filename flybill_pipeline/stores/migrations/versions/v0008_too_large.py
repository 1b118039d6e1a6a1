"""Rows whose sum would fit nowhere are left out of their day and counted, instead of stopping it."""

from alembic import op

revision = "0008"
down_revision = "0007"

COLUMN = """
alter table flybill.usage_days add column too_large bigint not null default 0;
alter table flybill.usage_day_versions add column too_large bigint not null default 0;
"""


def upgrade() -> None:
    """A count beside those of duplicates and conflicts."""
    op.execute(COLUMN)
