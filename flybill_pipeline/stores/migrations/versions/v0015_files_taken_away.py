"""A broken file that somebody took out of the landing zone is gone: it asks nobody to be mended any more."""

from alembic import op

revision = "0015"
down_revision = "0014"

STATES = """
alter table flybill.landed_files drop constraint landed_files_state_check;
alter table flybill.landed_files
    add constraint landed_files_state_check check (state in ('registered', 'taken', 'broken', 'gone'));
"""


def upgrade() -> None:
    """One more state of a landed file."""
    op.execute(STATES)
