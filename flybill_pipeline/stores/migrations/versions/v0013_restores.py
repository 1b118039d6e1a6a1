"""After a restore from a backup the sync looks at what Stripe has before it sends anything of a month begun by then.

Between the backup and the restore customers, invoices and credit notes may have been made at Stripe that this
database does not know. Their keys are forgotten there after a day, so sending again would bill twice. Triggers, because
durable rows are made in more than one place; a generation so far away that no key of the lost time is ever sent again.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

RESTORES = """
create table flybill.restores (
    entry_id bigint generated always as identity primary key,
    backup_taken_at timestamptz not null, restored_at timestamptz not null
);
create trigger insert_only before update or delete on flybill.restores
    for each row execute function flybill.refuse_change();
create trigger never_emptied before truncate on flybill.restores
    for each statement execute function flybill.refuse_change();

create function flybill.look_first_since(billed text) returns timestamptz language sql stable as $$
    select min(backup_taken_at) from flybill.restores
        where to_date(billed || '-01', 'YYYY-MM-DD') <= restored_at
$$;
create function flybill.look_first_generation() returns integer language sql stable as $$
    select 1000 * count(*)::integer from flybill.restores
$$;

create function flybill.look_first() returns trigger language plpgsql as $$
declare
    since timestamptz;
begin
    if tg_table_name = 'stripe_sync' then
        select flybill.look_first_since(month) into since from flybill.invoices where invoice_id = new.invoice_id;
    elsif tg_table_name = 'stripe_credit_notes' then
        select flybill.look_first_since(month) into since
            from flybill.credit_notes join flybill.invoices using (invoice_id)
            where credit_note_id = new.credit_note_id;
    else
        select min(flybill.look_first_since(month)) into since from flybill.invoices where org_id = new.org_id;
    end if;
    if since is not null then
        new.step := 'look';
        new.first_sent_at := since;
        new.generation := flybill.look_first_generation();
    end if;
    return new;
end $$;

create trigger look_first before insert on flybill.stripe_sync
    for each row execute function flybill.look_first();
create trigger look_first before insert on flybill.stripe_credit_notes
    for each row execute function flybill.look_first();
create trigger look_first before insert on flybill.stripe_customers
    for each row execute function flybill.look_first();
"""


def upgrade() -> None:
    """Creates the table of restores, and the triggers on the durable rows of the sync."""
    op.execute(RESTORES)
