"""The audit: who held, released and settled what, when and why. Its rows never change."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
create table flybill.audit (
    entry_id bigint generated always as identity primary key,
    at timestamptz not null, month text not null, org_id text not null,
    action text not null, by text not null check (by <> ''), reason text not null,
    code text, total_minor bigint, recorded_at timestamptz not null default now()
);
create index audit_month on flybill.audit (month, org_id);

create trigger insert_only before update or delete on flybill.audit
    for each row execute function flybill.refuse_change();
create trigger never_emptied before truncate on flybill.audit
    for each statement execute function flybill.refuse_change();
"""


def upgrade() -> None:
    """Creates the table and its guards."""
    op.execute(TABLES)
