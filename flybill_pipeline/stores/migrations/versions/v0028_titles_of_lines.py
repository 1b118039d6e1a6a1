"""A line keeps what people read of its meter: the roll-up of many lines, and whatever shows them, says it too.

Lines that were made before have none: they are read by the id of their meter, as it stands in their description.
"""

from alembic import op

revision = "0028"
down_revision = "0024"

COLUMNS = """
alter table flybill.line_items add column title text;
alter table flybill.invoice_lines add column title text;
"""


def upgrade() -> None:
    """Adds the columns."""
    op.execute(COLUMNS)
