"""Days of tables in engines have a digest, by which those are found that changed without a new row.

No digest of a day that came before is known: the next look sums each of them again, once.
"""

from alembic import op

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """No table was compared as a whole before."""
    op.execute("alter table flybill.pulled_tables add column compared_at timestamptz")
    op.execute("""
        alter table flybill.pulled_days
            add column digest text,
            add column elsewhere bigint not null default 0""")
