"""The last arrival of a source is found at once: each page of a running month asks for it, whatever came before."""

from alembic import op

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    """Creates the index."""
    op.execute("""
        create index landed_files_arrivals on flybill.landed_files (source, arrived_at) where state = 'taken'
    """)
