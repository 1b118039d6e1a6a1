"""The sync knows by which server of Postgres it was kept last: a standby that took its place may lack what came last.

Only the owner of the schema writes down restores; the pipeline may do it by a function that writes nothing else.
"""

from alembic import op

revision = "0061"
down_revision = "0060"

ANOTHER = """
create function flybill.note_another_server(known_at timestamptz) returns void
language sql security definer set search_path = pg_catalog as $$
    insert into flybill.restores (backup_taken_at, restored_at, stripe_at)
    select now() - interval '2 days', now(), known_at
$$;
revoke execute on function flybill.note_another_server from public;
"""


def upgrade() -> None:
    """Adds the column, empty until the next run, and the function."""
    op.execute("alter table flybill.stripe_clock add column server text")
    op.execute(ANOTHER)
