"""Which months of organizations are settled, as a condition within other queries. Nothing is read or written here."""

from sqlalchemy import ColumnElement, select

from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import outcomes


def settled(org_id: ColumnElement[str], month: Month) -> ColumnElement[bool]:
    """Whether the month of the organization has an outcome that can no longer change."""
    of_it = (outcomes.c.org_id == org_id, outcomes.c.month == str(month), outcomes.c.outcome != HELD)
    return select(outcomes.c.org_id).where(*of_it).exists()
