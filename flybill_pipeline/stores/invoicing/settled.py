"""Which months of organizations are settled: asked for, or a condition within other queries. Nothing is written."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, select

from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import outcomes


def settled(org_id: ColumnElement[str], month: Month) -> ColumnElement[bool]:
    """Whether the month of the organization has an outcome that can no longer change.

    It is looked up for each organization. Postgres may make a join of an `exists`, and compare each with each where it
    has no statistics of the month yet.
    """
    of_it = (outcomes.c.org_id == org_id, outcomes.c.month == str(month))
    return func.coalesce(select(outcomes.c.outcome).where(*of_it).scalar_subquery(), HELD) != HELD


def settled_and_held(
    connection: Connection, org_ids: Collection[str]
) -> tuple[defaultdict[str, set[Month]], defaultdict[str, set[Month]]]:
    """Per organization the months that are settled, and those that are held: these will be billed some day."""
    done = outcomes.c
    query = select(done.org_id, done.month, done.outcome).where(done.org_id.in_(org_ids))
    of_orgs, held = defaultdict[str, set[Month]](set), defaultdict[str, set[Month]](set)
    for org_id, month, outcome in connection.execute(query) if org_ids else ():
        (held if outcome == HELD else of_orgs)[org_id].add(Month.parse(month))
    return of_orgs, held
