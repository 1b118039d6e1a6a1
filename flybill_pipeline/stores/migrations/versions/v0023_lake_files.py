"""A lake belongs to one deployment, which has a name from now on; and each file of it is known by size and checksum.

Files that were written before have no row. They get one when a month is first priced from them.
"""

from alembic import op

revision = "0023"
down_revision = "0022"

LAKE_FILES = """
create table flybill.lake_files (
    path text primary key, size bigint not null, checksum text not null,
    recorded_at timestamptz not null default now()
);
insert into flybill.facts (name, value) values ('deployment', gen_random_uuid()::text) on conflict do nothing;
"""


def upgrade() -> None:
    """Creates the table, and gives this deployment its name."""
    op.execute(LAKE_FILES)
