"""The language that an organization reads; none: what its browser asks for."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Adds the column."""
    op.execute("alter table flybill.organizations add language text")
