"""What is about the budgets of one organization costs what is new of it, however many others there are.

Its items are found by its id alone. A draft says for how many versions of its organization's budgets its days were
looked at: as long as there are no more, they are not looked at again.
"""

from alembic import op

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    """Adds the column and the index."""
    op.execute("alter table flybill.drafts add column days_watched_for integer")
    op.execute("create index billing_items_org on flybill.billing_items (org_id)")
