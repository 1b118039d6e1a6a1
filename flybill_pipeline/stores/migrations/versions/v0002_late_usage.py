"""What drafts were priced from, so that late usage of settled months is found, and when a draft is out of date."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
alter table flybill.drafts add column settled_months int not null default 0;

create table flybill.pricing_bases (
    month text, org_id text, service_month text, shard smallint not null,
    usage_version text not null, usage_fingerprint text not null, terms text not null,
    contract text, currency text, priced_at timestamptz not null,
    primary key (month, org_id, service_month)
);
create index pricing_bases_service_month on flybill.pricing_bases (service_month, shard);
create index outcomes_org on flybill.outcomes (shard, org_id);

create table flybill.too_late_usage (
    month text, org_id text, service_month text, shard smallint not null,
    noticed_at timestamptz not null default now(),
    primary key (month, org_id, service_month)
);
"""

# Earlier months were priced before bases were kept. An empty version never equals that of a lake, so the next month
# compares them; an empty fingerprint differs, so they are priced again once, which gives only what really changed.
KNOWN_SO_FAR = """
insert into flybill.pricing_bases
select d.month, d.org_id, d.month, d.shard, '', 'not recorded', '', o.contract, d.currency, d.priced_at
from flybill.drafts d join flybill.organizations o using (org_id)
"""


def upgrade() -> None:
    """Creates the tables and gives every draft that is there a basis."""
    op.execute(TABLES)
    op.execute(KNOWN_SO_FAR)
