"""Invoices that were refused one by one before it was seen that everybody is: they wait with the others. Rows only.

They are no person's to mend, so they leave the list of those that are; when the breaker closes they are tried again.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Table, Update, func, select, update

from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.sync.tables import stripe_breaker, stripe_customers, stripe_profiles, stripe_sync

LOOK, REPAIR = "look", "repair"
"""The steps of a row that begins again, see `steps/sync/row.py`."""
EVERYONE = "everyone"


def begun_again(table: Table, step: str) -> Update:
    """The row as if nothing were known but that something may have been sent; `attempts` fences off old workers."""
    return update(table).values(
        state="new",
        step=step,
        step_key=None,
        generation=table.c.generation + 1,
        attempts=table.c.attempts + 1,
        next_attempt_at=None,
    )


def let_wait(connection: Connection, org_ids: Collection[str], code: str) -> None:
    """What these orgs were refused with this code waits for no person, but for everybody's calls."""
    if not org_ids:
        return
    theirs = select(invoices.c.invoice_id).where(invoices.c.org_id.in_(org_ids))
    for table, condition in (
        (stripe_sync, stripe_sync.c.invoice_id.in_(theirs)),
        (stripe_customers, stripe_customers.c.org_id.in_(org_ids)),
        (stripe_profiles, stripe_profiles.c.org_id.in_(org_ids)),
    ):
        refused = (table.c.state == "blocked", table.c.error_code == code)
        connection.execute(begun_again(table, LOOK).where(condition, *refused).values(error_kind=EVERYONE))


def came_back(connection: Connection) -> Sequence[tuple[str, int, int]]:
    """Month, shard and the last breaker, of what still says that it waits for everybody while no breaker is open."""
    row, last = stripe_breaker.c, select(func.max(stripe_breaker.c.breaker_id)).scalar_subquery()
    query = (
        select(invoices.c.month, invoices.c.shard, last)
        .join(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
        .where(stripe_sync.c.state == "new", stripe_sync.c.error_kind == EVERYONE)
        .where(~select(row.breaker_id).where(row.is_open).exists(), last.is_not(None))
        .distinct()
        .order_by(invoices.c.month, invoices.c.shard)
    )
    return [(month, shard, int(breaker)) for month, shard, breaker in connection.execute(query)]
