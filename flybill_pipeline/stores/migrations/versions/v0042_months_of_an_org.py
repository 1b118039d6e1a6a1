"""The months of one organization are found by its id: a page of it must not read the months of all others."""

from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Creates the indexes."""
    op.execute("create index drafts_org on flybill.drafts (org_id, month)")
    op.execute("create index outcomes_months on flybill.outcomes (org_id, month)")
