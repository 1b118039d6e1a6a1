"""Which discounts held in a month is kept with what it was priced from: late lines of the month meet them again.

Months that were settled before get the discounts that hold in them by their dates, but for those whose invoice also has
lines of earlier months: their discounts were taken off these, too, and stay as they are (null).
"""

from alembic import op

revision = "0017"
down_revision = "0016"

COLUMN = "alter table flybill.pricing_bases add column discounts jsonb"

KNOWN = """
with latest as (
    select distinct on (item_id) item_id, org_id, kind, content
    from flybill.billing_items where kind = 'discount' order by item_id, entry_id desc
)
update flybill.pricing_bases basis set discounts = coalesce((
    select jsonb_agg(latest.item_id order by latest.item_id collate "C") from latest
    where latest.org_id = basis.org_id
      and coalesce(latest.content ->> 'start', '') <= basis.service_month
      and coalesce(latest.content ->> 'end', '9999-99') > basis.service_month
), '[]')
where not exists (
    select from flybill.line_items line
    where line.month = basis.service_month and line.org_id = basis.org_id and line.kind = 'adjustment'
)
"""


def upgrade() -> None:
    """One more column, filled where it can be known."""
    op.execute(COLUMN)
    op.execute(KNOWN)
