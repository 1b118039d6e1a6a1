"""What a credit paid can go back to it: an entry says whose payment it changes, and may be below zero.

Every entry of before is what its own month took.
"""

from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Adds the columns. Entries cannot be updated, so theirs is filled as its type is said once more."""
    op.execute("alter table flybill.drafts add column credits_returned jsonb not null default '[]'")
    op.execute("alter table flybill.credit_uses add column paid_in text")
    op.execute("alter table flybill.credit_uses alter column paid_in type text using month")
    op.execute("""
        alter table flybill.credit_uses
            alter column paid_in set not null,
            drop constraint credit_uses_pkey,
            add primary key (credit_id, month, paid_in),
            drop constraint credit_uses_amount_minor_check,
            add constraint credit_uses_amount_minor_check
                check (amount_minor > 0 or (amount_minor < 0 and paid_in <> month))""")
