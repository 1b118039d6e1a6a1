"""A dispute that was lost may be appealed, and a status that Stripe has added since is no end, as billing has it: the
view follows.
"""

from alembic import op

from flybill_pipeline.stores.migrations.versions import v0034_statement_views, v0053_due_days

revision = "0056"
down_revision = "0055"

BEGUN = "('warning_needs_response', 'warning_under_review', 'needs_response', 'under_review')"
CHANGES = (
    (v0053_due_days.BEFORE, v0053_due_days.AFTER),
    (
        """('refund', 'succeeded'), ('dispute', 'warning_closed'), ('dispute', 'won'), ('dispute', 'lost'),
            ('dispute', 'prevented')
        ) then 1""",
        f"""('refund', 'succeeded')
        ) or (kind = 'dispute' and status not in {BEGUN}) then 1""",
    ),
    (f"and status in {BEGUN}", "and status not in ('warning_closed', 'won', 'lost', 'prevented')"),
    ("status in ('pending', 'requires_action', 'succeeded')", "status not in ('failed', 'canceled')"),
)


def upgrade() -> None:
    """Replaces the view where it stands: its columns, their words and who may read it stay."""
    view = v0034_statement_views.PAYMENTS.replace("create view", "create or replace view", 1)
    for before, after in CHANGES:
        assert before in view, before
        view = view.replace(before, after, 1)
    op.execute(view)
