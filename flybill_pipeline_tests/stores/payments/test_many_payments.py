"""Questions about payments of many invoices: their time grows as the invoices do. What they answer: steps/payments."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from flybill_pipeline.stores.payments.intake import PaymentIntake

INVOICES = 20_000
SENT = datetime(2026, 1, 2, tzinfo=UTC)
MANY = f"""
set local session_replication_role = replica;
insert into flybill.stripe_sync (invoice_id, stripe_invoice_id, stripe_status, state, heard_at, first_sent_at)
select 'inv' || i, 'in_' || md5(i::text), 'open', 'finalized', :sent, :sent from generate_series(1, {INVOICES}) i;
insert into flybill.payment_observations
    (observation_id, via, kind, object_id, status, currency, amount_minor, seen_at, stripe_invoice_id, invoice_id,
     paid_minor, pre_payment_minor, attempts)
select k || 'evt_' || i, 'events', 'invoice', 'in_' || md5(i::text), case k when 0 then 'open' else 'paid' end, 'usd',
     900, :sent, 'in_' || md5(i::text), 'inv' || i, 0, 0, 2
from generate_series(1, {INVOICES} - 1) i, generate_series(0, 1) k where k = 0 or i > 1
"""


@pytest.mark.parametrize("known", [True, False])
def test_the_unpaid_are_found_among_many_that_are_paid(engine: Engine, known: bool) -> None:
    """With as little memory for a query as makes these many what millions are: that took more than a minute."""
    with engine.begin() as connection:
        connection.execute(text(MANY), {"sent": SENT})
        if known:  # to the planner of queries, how many there are
            connection.execute(text("analyze flybill.stripe_sync, flybill.payment_observations"))
        never, once = (connection.scalar(text("select 'in_' || md5(:n)"), {"n": str(n)}) for n in (INVOICES, 1))
    with short_of_memory(engine):
        intake = PaymentIntake(engine)
        assert intake.open_since() == SENT
        assert intake.unheard_of(SENT + timedelta(days=8), 9) == {never: 0, once: 2}
        assert intake.unheard_of(SENT - timedelta(days=1), 9) == {}


@contextmanager
def short_of_memory(engine: Engine) -> Iterator[None]:
    """Short of time as well."""

    def limit(connection: DBAPIConnection, _record: object) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("set work_mem = '64kB'; set statement_timeout = '4s'")
        connection.commit()

    engine.dispose()
    event.listen(engine, "connect", limit)
    yield
    event.remove(engine, "connect", limit)
    engine.dispose()
