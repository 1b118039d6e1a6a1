"""An invoice is past due once the day on which it is due has ended, as billing has it: the view follows."""

from alembic import op

from flybill_pipeline.stores.migrations.versions import v0034_statement_views

revision = "0053"
down_revision = "0052"

BEFORE, AFTER = "m.due_at < now()", "date_trunc('day', m.due_at, 'UTC') + interval '24 hours' <= now()"


def upgrade() -> None:
    """Replaces the view where it stands: its columns, their words and who may read it stay."""
    view = v0034_statement_views.PAYMENTS.replace("create view", "create or replace view", 1)
    op.execute(view.replace(BEFORE, AFTER, 1))
