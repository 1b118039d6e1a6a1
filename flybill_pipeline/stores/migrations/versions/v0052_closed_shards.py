"""Shards that were closed to the end: closing one again is no work as long as what it is made of has not changed."""

from alembic import op

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    """Nothing is known of what was closed before: the next close of it works, and writes it down."""
    op.execute("""
        create table flybill.closed_shards (
            month text not null,
            shard smallint not null,
            made_of text not null,
            closed_at timestamptz not null default now(),
            primary key (month, shard)
        )""")
