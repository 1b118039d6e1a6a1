"""Rows with several events, where not all count: days that leave anything out are recorded once more."""

from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Where one event of a row did not count, none of the row did. Days without such rows come out as they were."""
    op.execute("update flybill.usage_days set daily_version = '' where excluded_path is not null")
