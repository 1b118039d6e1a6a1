"""Databases of the server that the tests share: new ones, empty or like another, and some that are emptied and lent.

Who starts the server: conftest. Not here: what stands in the databases.
"""

import gc
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import dagster as dg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, text

from flybill_pipeline.stores.postgres.database import MIGRATIONS, POOL, migrate, open_engine
from flybill_pipeline_tests.worlds.project import PROJECT

EMPTY = "template1"
SHARDS = 16
WATCH_THE_SCHEMA = """
create table public.first_facts as select * from flybill.facts;
create table public.schema_changes (tag text);
create function public.note_change() returns event_trigger security definer language plpgsql as $$
begin
  if exists (select from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp') then
    insert into public.schema_changes values (tg_tag);
  end if;
end $$;
create function public.note_drop() returns event_trigger security definer language plpgsql as $$
begin
  if exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then
    insert into public.schema_changes values (tg_tag);
  end if;
end $$;
create event trigger note_change on ddl_command_end execute function public.note_change();
create event trigger note_drop on sql_drop execute function public.note_drop();
"""
END_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and pid <> all(%s)
"""
EMPTY_ALL = """
do $$
declare
  name regclass;
  counter regclass;
begin
  set local session_replication_role = replica;  -- past the guards of what only grows, and past foreign keys
  for name in
    select oid from pg_class
    where relnamespace in ('flybill'::regnamespace, 'flybill_lake'::regnamespace)
      and relkind = 'r' and relname <> 'alembic_version'
  loop
    if pg_relation_size(name) > 1000000 then
      execute 'truncate ' || name || ' cascade';  -- what points there is emptied too
    elsif pg_relation_size(name) > 0 then
      execute 'delete from ' || name;
    end if;
  end loop;
  for counter in select seqrelid from pg_sequence join pg_class on oid = seqrelid
    where relnamespace = 'flybill'::regnamespace
  loop
    perform setval(counter, 1, false);
  end loop;
  insert into flybill.facts select * from public.first_facts;
end $$
"""


@contextmanager
def fresh_databases(postgres_url: str, *purposes: str, template: str = EMPTY) -> Iterator[list[str]]:
    """New databases, one for each purpose, for as long as the block runs; yields their addresses."""
    names = [_name(purpose) for purpose in purposes]
    with _admin(postgres_url) as connection:
        for name in names:
            connection.execute(text(f"create database {name} template {template} strategy file_copy"))
    try:
        yield [postgres_url.format(name) for name in names]
    finally:
        gc.collect()  # a connection that nobody closed is given back while there is somebody to give it back to
        with _admin(postgres_url) as connection:
            for name in names:
                connection.execute(text(f"drop database {name} with (force)"))


@cache
def migrated(postgres_url: str, shards: int = SHARDS) -> str:
    """The name of a database with the billing tables and nothing in them: a copy takes a quarter of a migration."""
    name = _created(postgres_url, "migrated")
    engine = open_engine(postgres_url.format(name))
    migrate(engine, shards=shards)
    engine.dispose()
    return name


@cache
def with_dagsters_tables(postgres_url: str) -> str:
    """The name of a database with the tables of Dagster's own storage, as the project's dagster.yaml asks for them."""
    name = _created(postgres_url, "dagsters")
    variables = {"FLYBILL_DAGSTER_DATABASE_URL": postgres_url.format(name)}
    with TemporaryDirectory() as home, patch.dict("os.environ", variables):
        shutil.copyfile(PROJECT / "dagster.yaml", Path(home) / "dagster.yaml")
        with dg.DagsterInstance.from_config(home):
            return name


class Databases:
    """Migrated databases that are emptied and lent again, which takes a hundredth of the time of a new one."""

    def __init__(self, postgres_url: str) -> None:
        self._postgres_url = postgres_url
        self._idle: list[_Reused] = []

    @contextmanager
    def lent(self) -> Iterator[Engine]:
        """An engine on a database with the billing tables and nothing in them; nobody else's until the block ends."""
        reused = self._idle.pop() if self._idle else _Reused(self._postgres_url)
        try:
            yield reused.emptied()
        finally:
            self._idle.append(reused)

    def close(self) -> None:
        """Closes the connections; whoever stops the server throws the databases away."""
        for reused in self._idle:
            reused.engine.dispose()


class _Reused:
    """One database for one user after the other. When its schema was changed meanwhile, a new one takes its place."""

    def __init__(self, postgres_url: str) -> None:
        self._postgres_url = postgres_url
        self.engine = self._made()

    def emptied(self) -> Engine:
        """The engine on it, without anything that the last user left: rows, connections and their settings, locks."""
        kept = self._connections_as_new()
        with self.engine.begin() as connection:
            connection.exec_driver_sql(END_OTHERS, (kept,))
            unchanged = connection.execute(text("select not exists (select from public.schema_changes)")).scalar_one()
            if unchanged:
                connection.exec_driver_sql(EMPTY_ALL)
        if not unchanged:
            self.engine.dispose()
            self.engine = self._made()
        return self.engine

    def _connections_as_new(self) -> list[int]:
        """The server's process behind each connection of the engine, which all have forgotten their last user.

        A new one costs as much as a small test: what the server knows of the tables, it reads for each once more.
        """
        if self.engine.pool.checkedout():  # type: ignore[attr-defined]
            self.engine.dispose()  # somebody has one still, whoever it is
        kept = []
        with ExitStack() as all_at_once:
            for _ in range(max(1, self.engine.pool.checkedin())):  # type: ignore[attr-defined]
                connection = all_at_once.enter_context(closing(self.engine.raw_connection()))
                try:
                    kept.append(_as_new(connection.driver_connection))
                except self.engine.dialect.loaded_dbapi.Error:  # it was ended from outside
                    connection.invalidate()
        return kept

    def _made(self) -> Engine:
        """A new database, in which it is noted when the schema changes."""
        name = _created(self._postgres_url, "lent", migrated(self._postgres_url))
        # As many connections as `open_engine` allows. It asks before each use whether the server is there still: here
        # it is, and to ask takes a twelfth of the time of tests that use the database.
        engine = create_engine(self._postgres_url.format(name), **POOL)
        with engine.begin() as connection:
            connection.exec_driver_sql(WATCH_THE_SCHEMA)
        return engine


def _as_new(connection: Any) -> int:
    """Takes everything from the connection that its user gave it; the number of the server's process behind it."""
    connection.rollback()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("discard all")
    connection.autocommit = False
    return int(connection.info.backend_pid)


def _name(purpose: str) -> str:
    return f"{purpose}{uuid4().hex[:10]}"


def _created(postgres_url: str, purpose: str, template: str = EMPTY) -> str:
    """The name of a new database that stays as long as the server."""
    name = _name(purpose)
    with _admin(postgres_url) as connection:
        connection.execute(text(f"create database {name} template {template} strategy file_copy"))
    return name


def with_one_shard(engine: Engine) -> None:
    """Has the lent database know of one shard only, until it is lent again."""
    with engine.begin() as connection:
        connection.execute(text("update flybill.facts set value = '1' where name = 'shards'"))


def migrate_to(engine: Engine, revision: str) -> None:
    """Brings an empty database to the schema of an older version, such as 0017: for tests of what comes after it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(text("insert into flybill.facts (name, value) values ('shards', :n)"), {"n": str(SHARDS)})


@contextmanager
def _admin(postgres_url: str) -> Iterator[Connection]:
    engine = create_engine(postgres_url.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
