"""Terms with a beginning: which contract and currency an organization has from when on, as rows that are only added.

The contracts of before have no dates. Settled months say which contract they were billed by: it holds from the first of
these months on, the first of all since ever, and the one on the organization's row from the month after the last.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

TABLE = """
create table flybill.organization_terms (
    entry_id bigint generated always as identity primary key,
    org_id text not null references flybill.organizations (org_id),
    kind text not null check (kind in ('contract', 'currency')),
    starts_at timestamptz not null,
    value text,
    recorded_at timestamptz not null default now()
);
create index organization_terms_org on flybill.organization_terms (org_id);
create trigger insert_only before update or delete on flybill.organization_terms
    for each row execute function flybill.refuse_change();
"""

CONTRACTS = """
with known as (
    select basis.org_id, basis.month, basis.contract
    from flybill.pricing_bases basis
    join flybill.organizations using (org_id)
    join flybill.outcomes outcome
      on outcome.month = basis.month and outcome.org_id = basis.org_id and outcome.outcome <> 'held'
    where basis.service_month = basis.month
    union all
    select org.org_id, coalesce((
        select to_char(to_date(max(outcome.month), 'YYYY-MM') + interval '1 month', 'YYYY-MM')
        from flybill.outcomes outcome where outcome.org_id = org.org_id and outcome.outcome <> 'held'
    ), ''), org.contract
    from flybill.organizations org
), compared as (
    select *, lag(contract) over each as before, row_number() over each as place
    from known window each as (partition by org_id order by month)
)
insert into flybill.organization_terms (org_id, kind, starts_at, value)
select org_id, 'contract', case when place = 1 then timestamptz '0001-01-01 00:00:00+00'
    else (month || '-01 00:00:00+00')::timestamptz end, contract
from compared
where contract is distinct from case when place = 1 then null else before end
order by org_id, month
"""


def upgrade() -> None:
    """The table, filled from what is known; the column that had no date goes."""
    op.execute(TABLE)
    op.execute(CONTRACTS)
    op.execute("alter table flybill.organizations drop column contract")
