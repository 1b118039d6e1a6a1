"""Of each landed file the records that its reader saw, and how many of them became something: nothing may be lost."""

from alembic import op

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Of files that were read before, nobody counted them."""
    op.execute("alter table flybill.landed_files add column records bigint, add column records_told bigint")
