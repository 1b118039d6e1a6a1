"""A finalized line belongs to an invoice: looked at once for all lines of a statement, no more once for each line.

It is as strict as the foreign key was, since an invoice is never deleted, nor does its id change (see v0001).
"""

from alembic import op

revision = "0014"
down_revision = "0013"

GUARD = """
alter table flybill.invoice_lines drop constraint invoice_lines_invoice_id_fkey;

create function flybill.require_invoice() returns trigger language plpgsql as $$
declare
    missing text;
begin
    select invoice_id into missing
        from (select distinct invoice_id from added) as named
        where not exists (select from flybill.invoices where invoices.invoice_id = named.invoice_id) limit 1;
    if missing is not null then
        raise exception 'there is no invoice % that these lines could belong to', missing
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;

create trigger of_an_invoice after insert on flybill.invoice_lines referencing new table as added
    for each statement execute function flybill.require_invoice();
"""


def upgrade() -> None:
    """Replaces the foreign key of the lines by a trigger for each statement."""
    op.execute(GUARD)
