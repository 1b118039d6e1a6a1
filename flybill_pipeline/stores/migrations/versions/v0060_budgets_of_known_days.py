"""A budget is compared again once more days of the month are known, where its organization used nothing since.

The forecast is told once enough days are known, and others' usage shows that a day had none of this organization's.
"""

from alembic import op

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    """Adds the column; what was compared without it is compared again once."""
    op.execute("alter table flybill.drafts add column days_watched_to timestamptz")
