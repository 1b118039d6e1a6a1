"""How far tables in engines were looked at, and how many rows each of their days had: none is lost unseen."""

from alembic import op

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    """No table was looked at before."""
    op.execute("""
        create table flybill.pulled_tables (
            source text primary key,
            mapping_hash text not null,
            watermark text,
            pulled_at timestamptz not null
        )""")
    op.execute("""
        create table flybill.pulled_days (
            source text not null,
            day date not null,
            mapping_hash text not null,
            rows bigint not null,
            watermark text,
            pulled_at timestamptz not null,
            primary key (source, day)
        )""")
