"""A line keeps by what it is shown, where its price says so (`show_by`): portions beside it that sum to it."""

from alembic import op

revision = "0029"
down_revision = "0028"

COLUMNS = """
alter table flybill.line_items add column portions jsonb;
alter table flybill.invoice_lines add column portions jsonb;
"""


def upgrade() -> None:
    """Adds the columns."""
    op.execute(COLUMNS)
