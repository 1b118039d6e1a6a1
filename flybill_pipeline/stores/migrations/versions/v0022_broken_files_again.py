"""Files that were called broken are read once more: an older version said so of a full disk too.

From here on the moment is kept at which anything about a file last changed, so that a broken one that was put right,
be it with its old size and time, is read again.
"""

from alembic import op

revision = "0022"
down_revision = "0021"

AGAIN = """
alter table flybill.landed_files add column changed_ns bigint;
update flybill.landed_files set state = 'registered', reason = null, remedy = null where state in ('broken', 'gone');
"""


def upgrade() -> None:
    """Adds the column, and lets the files wait to be read."""
    op.execute(AGAIN)
