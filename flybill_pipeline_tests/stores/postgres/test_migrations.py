"""Databases of before are brought over: what old rows said is said by the new ones."""

from datetime import UTC, date, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.files import Broken, LandedFile
from flybill_pipeline.billing.usage.tables import KnownDay, KnownTable, LastLook, Looked, PulledDay
from flybill_pipeline.stores.invoicing.billed_months import BilledMonths
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline.stores.postgres.database import MIGRATIONS, migrate, open_engine
from flybill_pipeline.stores.usage.engines.ledger import PulledTables
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline_tests.worlds.databases import migrate_to

LAST_LANDED = "0016"
AUG, SEP, OCT, NOV = (Month(2026, number) for number in (8, 9, 10, 11))

OLD_ROWS = """
insert into flybill.organizations (org_id, name, currency, contract, shard) values
    ('always', 'Always', 'usd', 'gold', 0), ('never', 'Never', 'usd', null, 0), ('moved', 'Moved', 'usd', 'new', 0);
insert into flybill.pricing_bases
    (month, org_id, service_month, shard, usage_version, usage_fingerprint, terms, contract, currency, priced_at) values
    ('2026-08', 'moved', '2026-08', 0, '', '', '', null, 'usd', now()),
    ('2026-09', 'moved', '2026-09', 0, '', '', '', 'old', 'usd', now()),
    ('2026-09', 'never', '2026-09', 0, '', '', '', null, 'usd', now());
insert into flybill.billing_items (item_id, kind, org_id, shard, content) values
    ('d', 'discount', 'moved', 0, '{"name": "d", "percent": "10", "start": "2026-09", "end": "2026-10"}'),
    ('e', 'discount', 'moved', 0, '{"name": "e", "percent": "10", "start": "2026-10"}');
insert into flybill.line_items
    (month, org_id, line_no, line_id, kind, service_month, quantity, amount_minor, currency, description) values
    ('2026-09', 'never', 1, 'x', 'adjustment', '2026-08', 1, 5, 'usd', 'late');
insert into flybill.outcomes (month, org_id, shard, outcome, total_minor, currency, decided_at) values
    ('2026-08', 'moved', 0, 'nothing_to_bill', 0, 'usd', now()),
    ('2026-09', 'moved', 0, 'nothing_to_bill', 0, 'usd', now()),
    ('2026-09', 'never', 0, 'nothing_to_bill', 0, 'usd', now());
"""


def brought_over(database_url: str) -> Engine:
    """A database of the last landed version with old rows in it, migrated."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, LAST_LANDED)
        connection.exec_driver_sql(OLD_ROWS)
    migrate(engine, shards=1)
    return engine


def test_contracts_hold_since_ever_or_as_settled_months_say(database_url: str) -> None:
    engine = brought_over(database_url)
    terms = Organizations(engine, 1).terms()
    by_month = {
        org: [[each.contract for each in terms[org].in_month(month).contracts] for month in (AUG, SEP, OCT, NOV)]
        for org in terms
    }
    assert by_month == {
        "always": [["gold"], ["gold"], ["gold"], ["gold"]],
        "moved": [[], ["old"], ["new"], ["new"]],
        "never": [[], [], [], []],
    }
    engine.dispose()


def test_the_discounts_of_settled_months_are_known_where_they_can_be(database_url: str) -> None:
    engine = brought_over(database_url)
    bases = BilledMonths(engine).bases([AUG, SEP], 0)
    assert bases[AUG]["moved"].discounts == ()
    assert bases[SEP]["moved"].discounts == ("d",)
    assert bases[SEP]["never"].discounts is None  # its invoice has lines of an earlier month
    engine.dispose()


def test_what_credits_paid_before_was_for_the_month_that_took_it(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate_to(engine, "0053")
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            insert into flybill.organizations (org_id, name, currency, shard) values ('acme', 'Acme', 'usd', 0);
            insert into flybill.credit_uses (credit_id, month, org_id, amount_minor) values
                ('gift', '2026-08', 'acme', 500), ('gift', '2026-09', 'acme', 200)""")
    migrate(engine, shards=1)
    add = "insert into flybill.credit_uses (credit_id, month, paid_in, org_id, amount_minor) values ('gift', {})"
    with engine.begin() as connection:
        connection.exec_driver_sql(add.format("'2026-09', '2026-08', 'acme', -300"))
        kept = connection.exec_driver_sql("select month, paid_in, amount_minor from flybill.credit_uses order by 1, 2")
        assert [tuple(row) for row in kept] == [
            ("2026-08", "2026-08", 500), ("2026-09", "2026-08", -300), ("2026-09", "2026-09", 200),
        ]  # fmt: skip
    for refused in (add.format("'2026-10', '2026-10', 'acme', -1"), "update flybill.credit_uses set paid_in = month"):
        with pytest.raises(DatabaseError), engine.begin() as connection:
            connection.exec_driver_sql(refused)
    engine.dispose()


def test_days_of_tables_that_came_before_are_compared_at_the_next_look(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate_to(engine, "0054")
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            insert into flybill.pulled_tables values ('warehouse', 'm', '7', '2026-10-06Z');
            insert into flybill.pulled_days values ('warehouse', '2026-10-05', 'm', 3, '7', '2026-10-06Z')""")
    migrate(engine, shards=1)
    ledger, fifth, now = PulledTables(engine), date(2026, 10, 5), datetime(2026, 10, 7, tzinfo=UTC)
    assert ledger.known("warehouse", "m") == KnownTable("7", {fifth: KnownDay(3, None, 0)}, None)

    ledger.brought("warehouse", "m", PulledDay(fifth, "", 1, 2, 1, elsewhere=1, digest="-9"), "8", now)
    ledger.pulled("warehouse", "m", "8", Looked(now, whole=True))
    later = now + timedelta(hours=1)
    ledger.pulled("warehouse", "m", "9", Looked(later, whole=False))
    assert ledger.known("warehouse", "m") == KnownTable("9", {fifth: KnownDay(3, "-9", 1)}, now)
    assert ledger.last() == {("warehouse", "m"): LastLook(later, now)}
    ledger.compare_again()
    assert ledger.known("warehouse", "m").compared_at is None
    ledger.pulled("warehouse", "m", "9", Looked(later, whole=True))
    ledger.pulled("warehouse", "another", "1", Looked(later, whole=False))
    assert ledger.last() == {("warehouse", "another"): LastLook(later, None)}
    engine.dispose()


def test_files_that_an_older_version_called_broken_are_read_once_more(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate_to(engine, "0021")
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            insert into flybill.landed_files
                (source, path, version, size, modified_ns, mapping_hash, arrived_at, state, reason) values
                ('edge', 'edge/full-disk.jsonl', 1, 9, 1, 'm', now(), 'broken', 'No space left on device'),
                ('edge', 'edge/back-again.jsonl', 1, 9, 1, 'm', now(), 'gone', 'No space left on device'),
                ('edge', 'edge/good.jsonl', 1, 9, 1, 'm', now(), 'taken', null)""")
    migrate(engine, shards=1)
    files = [LandedFile("edge", f"edge/{name}.jsonl", "", 9, 1, "m", lambda: None, 5) for name in ("full-disk", "good")]
    catalog = LakeCatalog(engine)
    assert [file.path for file in catalog.unread(files)] == ["edge/full-disk.jsonl"]
    (arrival,) = catalog.arrivals(files, datetime.now(UTC))
    catalog.broke(arrival, Broken("bad bytes", "put a good one there"))
    assert catalog.unread(files) == []
    engine.dispose()
