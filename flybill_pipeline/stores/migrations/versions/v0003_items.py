"""Items beside usage, every version of each, and what settled months used of prepaid credits."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
create table flybill.billing_items (
    entry_id bigint generated always as identity primary key,
    item_id text not null, period text not null default '',
    kind text not null check (kind in ('subscription','one_off','credit','discount')),
    org_id text not null references flybill.organizations, shard smallint not null,
    content jsonb not null, recorded_at timestamptz not null default now()
);
create index billing_items_item on flybill.billing_items (item_id, period, entry_id desc);
create index billing_items_shard on flybill.billing_items (shard, org_id);

create table flybill.credit_uses (
    credit_id text, month text, org_id text not null references flybill.organizations,
    amount_minor bigint not null check (amount_minor > 0), recorded_at timestamptz not null default now(),
    primary key (credit_id, month)
);

alter table flybill.drafts add column credit_uses jsonb not null default '{}';
"""

INSERT_ONLY = ("billing_items", "credit_uses")


def upgrade() -> None:
    """Creates the tables, and the triggers that keep their rows as they are."""
    op.execute(TABLES)
    for table in INSERT_ONLY:
        op.execute(
            f"create trigger insert_only before update or delete on flybill.{table} "
            "for each row execute function flybill.refuse_change()"
        )
        op.execute(
            f"create trigger never_emptied before truncate on flybill.{table} "
            "for each statement execute function flybill.refuse_change()"
        )
