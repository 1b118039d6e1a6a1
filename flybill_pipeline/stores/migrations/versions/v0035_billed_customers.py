"""A customer that a person linked, and that its organization was billed at, is known: nobody is asked whose it is.

Else an update would stop organizations that were billed for months: in another currency than the customer began with,
or under an id that they did not have when the customer was made.
"""

from alembic import op

revision = "0035"
down_revision = "0034"

BILLED = """
insert into flybill.stripe_profiles (org_id, stripe_customer_id)
select org_id, stripe_customer_id from flybill.organizations as org
where exists (
    select from flybill.invoices join flybill.stripe_sync as sent using (invoice_id)
    where invoices.org_id = org.org_id and sent.state = 'finalized'
        and sent.stripe_customer_id = org.stripe_customer_id
)
on conflict do nothing;
"""


def upgrade() -> None:
    """Makes their rows; what they were told is seen at the first look, as before."""
    op.execute(BILLED)
