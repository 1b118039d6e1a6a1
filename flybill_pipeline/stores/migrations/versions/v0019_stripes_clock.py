"""Where a look at Stripe begins is a moment of Stripe's own clock; a draft's row names the terms it was made with.

Rows that were sent before know no such moment: for them a look begins at the beginning of time. After a restore it
begins where the backup knew Stripe's clock to be.
"""

from alembic import op

revision = "0019"
down_revision = "0018"

COLUMNS = """
alter table flybill.stripe_sync add column sent_after timestamptz, add column heard_at timestamptz,
    add column terms text;
alter table flybill.stripe_customers add column sent_after timestamptz, add column heard_at timestamptz;
alter table flybill.stripe_credit_notes add column sent_after timestamptz, add column heard_at timestamptz;
alter table flybill.restores add column stripe_at timestamptz;

create table flybill.stripe_clock (
    one boolean primary key default true check (one),
    stripe_at timestamptz, ahead_seconds bigint
);
"""

RESTORED = """
create function flybill.look_first_from(billed text) returns timestamptz language sql stable as $$
    select case when bool_and(stripe_at is not null) then min(stripe_at) end from flybill.restores
        where to_date(billed || '-01', 'YYYY-MM-DD') <= restored_at
$$;

create or replace function flybill.look_first() returns trigger language plpgsql as $$
declare
    billed text;
    since timestamptz;
begin
    if tg_table_name = 'stripe_sync' then
        select month into billed from flybill.invoices where invoice_id = new.invoice_id;
    elsif tg_table_name = 'stripe_credit_notes' then
        select month into billed from flybill.credit_notes join flybill.invoices using (invoice_id)
            where credit_note_id = new.credit_note_id;
    else
        select min(month) into billed from flybill.invoices where org_id = new.org_id;
    end if;
    since := flybill.look_first_since(billed);
    if since is not null then
        new.step := 'look';
        new.first_sent_at := since;
        new.sent_after := flybill.look_first_from(billed);
        new.generation := flybill.look_first_generation();
    end if;
    return new;
end $$;
"""


def upgrade() -> None:
    """Adds the columns and the table, and has the triggers of 0013 set the new ones."""
    op.execute(COLUMNS)
    op.execute(RESTORED)
