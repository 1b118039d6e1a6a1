"""A draft knows what it was made of, so that a running month is priced again only where something changed."""

from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Of drafts that stand already it is not known: they are made again once."""
    op.execute("alter table flybill.drafts add column made_of text")
