"""The database: its schema equals the metadata, migrating is safe at any time, addresses of any spelling work."""

import threading
from datetime import date
from importlib import import_module
from pkgutil import walk_packages

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.exc import OperationalError

from flybill_pipeline import stores
from flybill_pipeline.stores.postgres import database
from flybill_pipeline.stores.postgres.database import (
    MIGRATIONS,
    DatabaseError,
    migrate,
    newest_revision,
    open_engine,
    shard_count,
)
from flybill_pipeline.stores.postgres.shortages import shortage
from flybill_pipeline.stores.postgres.tables import metadata


@pytest.fixture(scope="module", autouse=True)
def every_table_is_known() -> None:
    """A table is known once its module is loaded."""
    for module in walk_packages(stores.__path__, f"{stores.__name__}."):
        if "migrations" not in module.name:
            import_module(module.name)


def test_the_migrations_make_the_tables_that_the_code_sees(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_type": True,
                "version_table_schema": "flybill",
                "include_name": lambda name, kind, _: kind != "schema" or name == "flybill",
            },
        )
        assert compare_metadata(context, metadata) == []


def test_postgres_looks_soon_at_what_grows_by_the_month(engine: Engine) -> None:
    """By itself it does when a tenth is new, and in a home of a year a month is less: it would not know the month."""
    columns = {table.name: set(table.columns.keys()) for table in metadata.sorted_tables}
    growing = {name for name, of_it in columns.items() if {"month", "org_id"} <= of_it or "invoice_id" in of_it}
    soon = "select relname from pg_class where 'autovacuum_analyze_scale_factor=0.01' = any(reloptions)"
    with engine.connect() as connection:
        assert set(connection.scalars(text(soon))) == growing > {"drafts", "invoice_lines", "stripe_sync"}


@pytest.mark.parametrize("reads", [False, True])
def test_a_connection_that_was_cut_while_idle_is_replaced(
    database_url: str, reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", 0)
    engine, other = open_engine(database_url, reads=reads), open_engine(database_url)
    with engine.connect() as connection:
        first = connection.scalar(text("select pg_backend_pid()"))
    with engine.connect() as connection:
        assert connection.scalar(text("select pg_backend_pid()")) == first
    with other.begin() as connection:
        connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": first})
    with engine.connect() as connection:
        assert connection.scalar(text("select pg_backend_pid()")) != first
    engine.dispose()
    other.dispose()


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_times_come_in_utc_whatever_zone_the_server_has(
    database_url: str, zone: str, reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", zone)
    first = open_engine(database_url)
    with first.begin() as connection:
        connection.execute(text(f"alter database {first.url.database} set timezone = '{zone}'"))
    first.dispose()
    engine = open_engine(database_url, reads=reads)
    with engine.connect() as connection:
        assert connection.execute(text("show timezone")).scalar_one() == "UTC"
        moment = connection.execute(text("select timestamptz '2026-10-31T23:30:00Z'")).scalar_one()
    engine.dispose()
    assert moment.date() == date(2026, 10, 31)


def test_migrating_again_changes_nothing_and_the_number_of_shards_stays(engine: Engine) -> None:
    assert shard_count(engine) == 16
    migrate(engine, shards=4)
    assert shard_count(engine) == 16


def test_several_may_migrate_a_new_database_at_once(database_url: str) -> None:
    faults: list[BaseException] = []

    def bring_up(shards: int) -> None:
        own = open_engine(database_url)
        try:
            migrate(own, shards=shards)
        except BaseException as error:
            faults.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=bring_up, args=(shards,)) for shards in (2, 3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    opened = open_engine(database_url)
    assert shard_count(opened) in (2, 3, 4, 5)
    assert "invoices" in inspect(opened).get_table_names(schema="flybill")
    opened.dispose()


@pytest.mark.parametrize("revision", ["9999", "0000"])
def test_a_schema_of_another_version_is_refused_in_a_sentence(engine: Engine, revision: str) -> None:
    """That of a newer flybill, above all: the old one must not work on it."""
    with engine.begin() as connection:
        before = connection.scalar(text("select version_num from flybill.alembic_version"))
        connection.execute(text("update flybill.alembic_version set version_num = :new"), {"new": revision})
    try:
        with pytest.raises(DatabaseError, match=rf"schema {revision}, which this flybill does not know.* newer"):
            migrate(engine, shards=16)
    finally:
        with engine.begin() as connection:
            connection.execute(text("update flybill.alembic_version set version_num = :old"), {"old": before})


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_an_address_works_with_and_without_a_driver(database_url: str, scheme: str) -> None:
    opened = open_engine(database_url.replace("postgresql+psycopg2", scheme))
    assert opened.dialect.driver == "psycopg2"
    with opened.connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1
    opened.dispose()


@pytest.mark.parametrize("address", ["mysql://host/flybill", "sqlite:///flybill.db", "flybill", ""])
def test_an_address_of_something_else_is_refused(address: str) -> None:
    with pytest.raises(DatabaseError, match="FLYBILL_DATABASE_URL"):
        open_engine(address)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    opened = open_engine("postgresql://someone:hush@127.0.0.1:9/flybill")
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9.*is FLYBILL_DATABASE_URL right\?") as refused:
        migrate(opened, shards=16)
    assert "hush" not in str(refused.value)


def test_the_newest_revision_is_the_one_that_alembic_would_bring_the_schema_to() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == newest_revision()


def test_a_server_that_answers_and_is_short_of_something_is_not_told_as_one_that_cannot_be_reached(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_room(connection: Connection) -> None:
        connection.execute(text("do $$ begin raise exception 'no room left' using errcode = '53100'; end $$"))

    monkeypatch.setattr(database, "schema_revision", lambda _: None)
    monkeypatch.setattr(database, "_upgrade", without_room)
    with pytest.raises(OperationalError, match="no room left"):
        database.migrate(engine, shards=1)


@pytest.mark.parametrize("kind", ["DatabaseError", "InterfaceError", "OperationalError"])
def test_a_connection_that_is_cut_is_one_kind_of_error(database_url: str, kind: str) -> None:
    """The driver raised the first when Postgres was stopped at once: it was told as a mistake of ours."""

    engine = open_engine(database_url)

    def cut(*_: object) -> None:
        raise getattr(engine.dialect.loaded_dbapi, kind)("server closed the connection unexpectedly\n\tThis probably")

    with engine.connect() as connection:
        event.listen(engine, "do_execute", cut)
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("select 1"))
        assert connection.invalidated
    said = shortage(caught.value)
    assert said is not None
    assert said.startswith("the database cannot go on: server closed the connection unexpectedly. What was stored")
    engine.dispose()
