"""A draft names its lines by a hash: those that come out as they are need not be written again, at a close nearly all.

Of drafts of before it is not known, so their lines are written once more.
"""

from alembic import op

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Adds the hash."""
    op.execute("alter table flybill.drafts add column lines_hash text")
