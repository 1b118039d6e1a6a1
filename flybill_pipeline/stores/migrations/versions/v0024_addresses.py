"""An organization has an address, a tax id and a purchase order number."""

from alembic import op

revision = "0024"
down_revision = "0023"

ADDRESSES = """
alter table flybill.organizations
    add address_line1 text, add address_city text, add address_postal_code text, add address_state text,
    add address_country text, add tax_id text, add purchase_order text;
"""


def upgrade() -> None:
    """Adds the columns; what is stored has none of it."""
    op.execute(ADDRESSES)
