"""The roles of the database: readers only read, the pipeline bills but changes nothing that is settled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.table import StaticTable
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.stores.postgres.database import DatabaseError, migrate, open_engine
from flybill_pipeline.stores.postgres.roles import PIPELINE, READER, grant_roles
from flybill_pipeline.stores.sync.restores import notice_another_server
from flybill_pipeline_tests.stories.troubled_months import FIRST, land_first_month, prepare
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill
from flybill_pipeline_tests.worlds.emulator import Emulators

NO_GUARD = "function flybill.refuse_change() returns trigger language plpgsql as $$ begin return new; end $$"
LOGINS = {"test_pipeline": PIPELINE, "test_reader": READER}


@pytest.fixture(scope="module")
def logins(postgres_url: str) -> Iterator[None]:
    """A login in each of the two roles."""
    admin = create_engine(postgres_url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for login, role in LOGINS.items():
            connection.execute(text(f"do $$ begin create role {role} nologin; exception when others then null; end $$"))
            connection.execute(text(f"create role {login} login in role {role}"))
    yield
    with admin.connect() as connection:
        for login in LOGINS:
            connection.execute(text(f"drop role {login}"))
    admin.dispose()


@pytest.fixture(scope="module")
def billed(deploy: Deployments, emulators: Emulators, logins: None) -> Iterator[Flybill]:
    """A month that the pipeline's role has ingested, priced, finalized and synced; the owner only made the schema."""
    with emulators.lent() as emulator, deploy(emulator) as flybill:
        assert flybill("migrate", "--roles").status == 0
        owners = flybill.environment["FLYBILL_DATABASE_URL"]
        flybill.environment["FLYBILL_DATABASE_URL"] = as_login(owners, "test_pipeline")
        prepare(flybill)
        land_first_month(flybill)
        closed = flybill("close", FIRST, FLYBILL_LAKE_CATALOG="own")
        assert closed.status == 1, closed.err  # some organizations of that month are held
        assert emulator.report()["violations"] == []
        flybill.environment["FLYBILL_DATABASE_URL"] = owners
        yield flybill


def as_login(url: str, login: str) -> str:
    return make_url(url).set(username=login).render_as_string(hide_password=False)


def test_the_pipeline_closes_a_month(billed: Flybill) -> None:
    states = dict(billed.sql("select state, count(*) from flybill.stripe_sync group by state"))
    assert states["finalized"] > 0
    assert billed.sql("select count(*) from flybill.outcomes")[0][0] > states["finalized"]


def test_the_pipeline_publishes_the_lake(billed: Flybill) -> None:
    daily = StaticTable.from_metadata(str(Path(billed.environment["FLYBILL_HOME"]) / "lake" / "usage" / "daily"))
    snapshot = daily.snapshot_by_name(FIRST)
    assert snapshot is not None
    assert snapshot.summary is not None
    priced_from = dict(billed.sql("select priced_from, count(*) from flybill.invoices group by priced_from"))
    assert snapshot.summary.additional_properties["flybill.priced-from"] in priced_from


FORBIDDEN = {
    "update an invoice": "update flybill.invoices set subtotal_minor = 1",
    "delete an invoice": "delete from flybill.invoices",
    "update a line": "update flybill.invoice_lines set amount_minor = 1",
    "update a carried amount": "update flybill.account_entries set amount_minor = 1",
    "rewrite the audit": "delete from flybill.audit",
    "delete an outcome": "delete from flybill.outcomes",
    "forget what was sent": "delete from flybill.stripe_sync",
    "empty a table": "truncate flybill.line_items",
    "switch a guard off": "alter table flybill.invoices disable trigger all",
    "switch every guard off": "set session_replication_role = replica",
    "replace a guard": f"create or replace {NO_GUARD}",
    "drop a guard": "drop trigger insert_only on flybill.invoices",
    "drop a table": "drop table flybill.invoice_lines",
    "make a table": "create table flybill.mine (a int)",
    "say how many shards there are": "update flybill.facts set value = '1'",
    "become the owner": "set role postgres",
}


def refused(flybill: Flybill, login: str, statement: str) -> bool:
    engine = create_engine(as_login(flybill.environment["FLYBILL_DATABASE_URL"], login))
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except DBAPIError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    finally:
        engine.dispose()
    return False


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_pipeline_cannot(billed: Flybill, what: str) -> None:
    assert refused(billed, "test_pipeline", FORBIDDEN[what])


@pytest.mark.parametrize(
    "statement",
    [
        *FORBIDDEN.values(),
        "insert into flybill.invoice_numbers values ('2025-01', 1)",
        "update flybill.organizations set name = ''",
        "delete from flybill.line_items",
        "select flybill.note_another_server(now())",
    ],
)
def test_a_reader_cannot_write(billed: Flybill, statement: str) -> None:
    assert refused(billed, "test_reader", statement)


def test_the_pipeline_notes_a_standby_that_took_over(billed: Flybill) -> None:
    """It reads restores only: by a function of the owner's it says so, and nothing else."""
    assert refused(billed, "test_pipeline", "insert into flybill.restores (backup_taken_at) values (now())")
    engine = create_engine(as_login(billed.environment["FLYBILL_DATABASE_URL"], "test_pipeline"))
    with engine.begin() as connection:
        connection.execute(text("update flybill.stripe_clock set server = 'another/00000001'"))
    assert notice_another_server(engine)
    engine.dispose()


def test_a_reader_reads(billed: Flybill) -> None:
    engine = create_engine(as_login(billed.environment["FLYBILL_DATABASE_URL"], "test_reader"))
    with engine.connect() as connection:
        for table in ("invoices", "statement_months", "statement_lines", "statement_payments"):
            assert connection.execute(text(f"select count(*) from flybill.{table}")).scalar_one() > 0
    engine.dispose()


def test_no_table_has_rights_that_nobody_decided_on(engine: Engine) -> None:
    rights = grant_roles(engine)
    assert rights["invoices"] == rights["invoice_lines"] == rights["audit"] == "select, insert"
    assert rights["stripe_sync"] == rights["outcomes"] == rights["organizations"] == "select, insert, update"
    assert rights["line_items"] == "select, insert, update, delete"
    assert rights["facts"] == rights["alembic_version"] == rights["restores"] == "select"


def test_a_role_that_may_not_migrate_is_told_who_may(engine: Engine, logins: None) -> None:
    grant_roles(engine)
    opened = open_engine(as_login(engine.url.render_as_string(hide_password=False), "test_pipeline"))
    migrate(opened, shards=16)  # this version's: nothing to do
    with engine.begin() as connection:
        connection.execute(text("update flybill.alembic_version set version_num = '0006'"))
    with pytest.raises(DatabaseError, match="flybill migrate --roles"):
        migrate(opened, shards=16)
    opened.dispose()
