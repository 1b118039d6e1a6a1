"""Budgets are items of an organization; what was told of them stays, and is mailed to the customer."""

from alembic import op

revision = "0037"
down_revision = "0036"

TABLES = """
alter table flybill.billing_items drop constraint billing_items_kind_check;
alter table flybill.billing_items add constraint billing_items_kind_check
    check (kind in ('subscription', 'one_off', 'credit', 'discount', 'budget'));

create table flybill.budget_warnings (
    warning_id text primary key,
    org_id text not null references flybill.organizations, month text not null,
    budget_id text not null, scope jsonb not null,
    kind text not null check (kind in ('threshold', 'forecast', 'jump')), mark text not null,
    budget_minor bigint not null, spent_minor bigint not null, forecast_minor bigint, currency text not null,
    message text not null, told_at timestamptz not null, recorded_at timestamptz not null default now()
);
create index budget_warnings_org on flybill.budget_warnings (org_id, month);

create table flybill.customer_mails (
    mail_id text primary key,
    org_id text not null references flybill.organizations,
    subject text not null, body text not null, created_at timestamptz not null, sent_at timestamptz,
    attempts integer not null default 0, next_attempt_at timestamptz not null, error text
);
create index customer_mails_unsent on flybill.customer_mails (next_attempt_at) where sent_at is null;

create trigger insert_only before update or delete on flybill.budget_warnings
    for each row execute function flybill.refuse_change();
create trigger never_emptied before truncate on flybill.budget_warnings
    for each statement execute function flybill.refuse_change();
"""


def upgrade() -> None:
    """Lets items be budgets, and creates the tables."""
    op.execute(TABLES)
