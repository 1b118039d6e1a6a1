"""Statistics of what grows by the month follow sooner. Postgres looks at a table again when a tenth of it is new, and
in a home of a year a month is less. Until then it expects no row of the month, and may compare each with each.
"""

from alembic import op

revision = "0058"
down_revision = "0057"

GROWING = (
    "account_entries",
    "audit",
    "budget_warnings",
    "credit_notes",
    "credit_uses",
    "drafts",
    "events",
    "invoice_lines",
    "invoices",
    "line_items",
    "outcomes",
    "payment_observations",
    "pricing_bases",
    "stripe_sync",
    "too_late_usage",
)


def upgrade() -> None:
    """Asks for new statistics when a hundredth of a table is new."""
    for table in GROWING:
        op.execute(f"alter table flybill.{table} set (autovacuum_analyze_scale_factor = 0.01)")
