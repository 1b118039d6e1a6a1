"""What a draft was priced from: which version of each day's usage, which price books. Old rows do not know it."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
create table flybill.usage_day_versions (
    day date, version text, pieces jsonb not null, exclusions jsonb not null, excluded_path text,
    rows bigint not null, duplicates bigint not null, conflicts bigint not null,
    recorded_at timestamptz not null default now(),
    primary key (day, version)
);
insert into flybill.usage_day_versions
    select day, version, pieces, exclusions, excluded_path, rows, duplicates, conflicts, recorded_at
    from flybill.usage_days;

create table flybill.pricing_inputs (
    inputs_id text primary key, month text not null, days jsonb not null, books jsonb not null,
    recorded_at timestamptz not null default now()
);

alter table flybill.drafts add column priced_from text references flybill.pricing_inputs;
alter table flybill.invoices add column priced_from text references flybill.pricing_inputs;
"""


def upgrade() -> None:
    """Adds the two tables, which are only ever added to, and the columns that name a row of them."""
    op.execute(TABLES)
    for table in ("usage_day_versions", "pricing_inputs"):
        op.execute(
            f"create trigger insert_only before update or delete on flybill.{table} "
            "for each row execute function flybill.refuse_change()"
        )
