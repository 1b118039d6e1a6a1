"""Usage that is restated, and rows that are no usage: whose turn is last, how many were replaced or left out."""

from alembic import op

revision = "0041"
down_revision = "0040"


TABLE = """
create table flybill.restated_pieces (
    path text primary key, day date not null,
    arrival bigint not null references flybill.landed_files (arrival), rows bigint not null
);
"""


def upgrade() -> None:
    """Files that came before have their number as their turn; how many of their rows were left out nobody counted."""
    op.execute("alter table flybill.landed_files add column turn bigint, add column left_out bigint")
    for table in ("usage_days", "usage_day_versions"):
        op.execute(f"alter table flybill.{table} add column replaced bigint not null default 0")
    op.execute(TABLE)
