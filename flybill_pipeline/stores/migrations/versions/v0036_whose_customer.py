"""Which customer a person was asked about; tax ids that may have been lost on their way to Stripe.

A repair confirms only the customer that was asked about. Who was asked before this version is asked once more. A tax id
that was on its way counted as told already, and was lost if it never arrived: it is looked for again.
"""

from alembic import op

revision = "0036"
down_revision = "0035"

UNSURE = """
update flybill.stripe_profiles
set profile = jsonb_set(profile::jsonb, '{tax_id}', to_jsonb('? ' || (profile::jsonb ->> 'tax_id')))::text
where (state <> 'finalized' or step = 'tax_id') and profile::jsonb ? 'tax_id';
"""


def upgrade() -> None:
    """Adds the column, and marks what is not known."""
    op.execute("alter table flybill.stripe_profiles add column asked_about text;")
    op.execute(UNSURE)
