"""The lines of a settled month never change: what is billed late is reckoned against them."""

from alembic import op

revision = "0006"
down_revision = "0005"

GUARD = """
create function flybill.refuse_settled_lines() returns trigger language plpgsql as $$
declare
    found record;
begin
    select changed.org_id, changed.month into found
        from changed join flybill.outcomes settled using (month, org_id)
        where settled.outcome <> 'held' limit 1;
    if found.org_id is not null then
        raise exception 'the lines of % in % are settled: a correction is a line of a later month',
            found.org_id, found.month using errcode = 'restrict_violation';
    end if;
    return null;
end $$;

create trigger settled_insert after insert on flybill.line_items referencing new table as changed
    for each statement execute function flybill.refuse_settled_lines();
create trigger settled_update after update on flybill.line_items referencing old table as changed
    for each statement execute function flybill.refuse_settled_lines();
create trigger settled_delete after delete on flybill.line_items referencing old table as changed
    for each statement execute function flybill.refuse_settled_lines();
"""


def upgrade() -> None:
    """Guards draft lines from the moment that their month is settled."""
    op.execute(GUARD)
