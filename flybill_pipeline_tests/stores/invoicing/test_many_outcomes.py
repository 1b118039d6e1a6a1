"""What finalizing asks of many organizations: its time grows as they do, whatever Postgres last knew of the tables."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from flybill_pipeline.billing.invoicing.settlement import Settlement
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.invoices import Invoices

ORGS, SHARDS = 50_000, 256
YEAR = f"""
set local session_replication_role = replica;
insert into flybill.outcomes (month, org_id, shard, outcome, total_minor, currency, decided_at)
select '2025-12', 'org' || i, i % {SHARDS}, 'invoiced', 900, 'usd', now()
from generate_series(1, {ORGS}) i;
insert into flybill.drafts
    (month, org_id, shard, currency, total_minor, carried_minor, line_count, content_hash, priced_at, settled_months)
select '2026-01', 'org' || i, i % {SHARDS}, 'usd', 900, 0, 1, 'hash', now(), 1 from generate_series(1, {ORGS}) i
"""
OTHERS = f"""
insert into flybill.outcomes (month, org_id, shard, outcome, total_minor, currency, decided_at)
select '2026-01', 'org' || i, i % {SHARDS}, case when i = 2 then 'held' else 'invoiced' end, 900, 'usd', now()
from generate_series(1, {ORGS}) i where i % {SHARDS} <> 1
"""
JANUARY = Month(2026, 1)


@pytest.mark.parametrize("known", [True, False])
def test_the_drafts_of_a_shard_are_found_while_the_outcomes_of_others_of_the_month_are_new(
    engine: Engine, known: bool
) -> None:
    """Each draft was compared with each outcome of its month, where Postgres believed that there was none yet.

    That is after `reshard 256`: of fewer drafts it expects to have none left, and so it compares.
    """
    with engine.begin() as connection:
        connection.execute(text(YEAR))
    with engine.begin() as connection:
        connection.execute(text("analyze flybill.outcomes, flybill.drafts"))
    with engine.begin() as connection:
        connection.execute(text(OTHERS))
        if known:
            connection.execute(text("analyze flybill.outcomes"))
    with short_of_time(engine):
        invoices = Invoices(engine)
        first, *others = invoices.open_drafts(JANUARY, 1)
        assert len(others) == ORGS // SHARDS
        assert invoices.settle(JANUARY, 1, [Settlement(first, "waived")], first.priced_at) == {first.org_id}
        assert [draft.org_id for draft in invoices.open_drafts(JANUARY, 2)] == ["org2"]


@contextmanager
def short_of_time(engine: Engine) -> Iterator[None]:
    def limit(connection: DBAPIConnection, _record: object) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("set statement_timeout = '1s'")
        connection.commit()

    engine.dispose()
    event.listen(engine, "connect", limit)
    yield
    event.remove(engine, "connect", limit)
    engine.dispose()
