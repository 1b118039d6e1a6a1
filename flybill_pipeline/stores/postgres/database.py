"""Opens the billing database: engine, migrations, the facts fixed at creation. No queries about billing here."""

import os
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from flybill_pipeline.stores.postgres.tables import facts

INSUFFICIENT_PRIVILEGE = "42501"
IDLE_SECONDS, USED_AT = 2, "flybill used at"
POOL: Mapping[str, Any] = {"pool_size": 8, "max_overflow": 40, "use_native_hstore": False}
"""Of every engine. Without the last each new connection would first ask for a type that nobody uses."""
MIGRATIONS = Path(__file__).parents[1] / "migrations"
ZONE = {"PGTZ": "UTC"}
"""What Postgres' own client tells each server that it connects to, poolers too: in which zone times are wanted."""


class DatabaseError(Exception):
    """The billing database cannot be used as it is; the message says what to do."""


class UnreachableError(DatabaseError):
    """Nothing answers at the address; `said` is what was met there."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"Cannot reach the billing database at {where}: {said}. Is it up, and is FLYBILL_DATABASE_URL right?"
        )
        self.said = said


def open_engine(url: str, *, reads: bool = False, rest_seconds: int = -1) -> Engine:
    """An engine for `url` whose driver is named: a bare `postgresql://` means another one since SQLAlchemy 2.1.

    One that `reads` asks the database once for each query: no transaction is begun and ended around it. What takes more
    than one statement to write must not be written with it. Whether a connection still holds is asked only of one that
    was idle; one that is older than `rest_seconds` is replaced before its next use. Raises DatabaseError when the URL
    is not one of Postgres.

    Times come in UTC from then on in all of this process, whatever zone the server has: a server that was made on a
    machine has that machine's, and the day of a time there is another one.
    """
    os.environ.update(ZONE)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError("FLYBILL_DATABASE_URL is no address such as postgresql://user@host/flybill") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseError(f"FLYBILL_DATABASE_URL must be a postgresql:// address, not {parsed.get_backend_name()}://")
    named = parsed.set(drivername="postgresql+psycopg2")
    level = {"isolation_level": "AUTOCOMMIT"} if reads else {}
    engine = create_engine(named, **POOL, **level, pool_recycle=rest_seconds)
    _ask_the_idle(engine)
    event.listen(engine, "handle_error", _as_one_kind, retval=True)
    return engine


def _as_one_kind(context: ExceptionContext) -> BaseException | None:
    """A connection that was cut raises OperationalError, whatever the driver calls it: it has three names for that."""
    error = context.sqlalchemy_exception
    if not context.is_disconnect or error is None or isinstance(error, OperationalError):
        return None
    assert isinstance(context.original_exception, Exception)
    return OperationalError(context.statement, context.parameters, context.original_exception)


def _ask_the_idle(engine: Engine) -> None:
    """Asks a connection that was idle whether it still holds, before it is used; one that does not is replaced."""

    def note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[USED_AT] = monotonic()

    def ask(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if monotonic() - record.info.get(USED_AT, monotonic()) < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            if not engine.dialect.is_disconnect(error, connection, None):  # type: ignore[arg-type]
                raise
            raise DisconnectionError from error

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", ask)


def migrate(engine: Engine, *, shards: int) -> None:
    """Brings the schema to this version, and records the number of shards if the database is new.

    Safe to run at any time and by several processes at once: a Postgres advisory lock lets one work. A role
    that may not change the schema will do where it is this version's already. Raises DatabaseError, UnreachableError.
    """
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext('flybill migrate'))"))
            revision = schema_revision(connection)
            if revision == newest_revision():
                return
            _require_known(revision)
            _upgrade(connection)
            connection.execute(
                text("insert into flybill.facts (name, value) values ('shards', :n) on conflict do nothing"),
                {"n": str(shards)},
            )
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != INSUFFICIENT_PRIVILEGE:
            raise
        raise DatabaseError(
            "The schema is not this version's, and this role may not change it: "
            "run `flybill migrate --roles` as its owner"
        ) from error
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) is not None:  # it answers, and says what it is short of
            raise
        where = engine.url.render_as_string(hide_password=True)
        raise UnreachableError(where, _first_line(error)) from error


def newest_revision() -> str:
    """The schema of this version, by the names of its migrations: `v0015_….py` is 0015."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {file.stem[1:5] for file in (MIGRATIONS / "versions").glob("v*.py")}


def _require_known(revision: str | None) -> None:
    if revision is not None and revision not in _revisions():
        raise DatabaseError(
            f"The database has the schema {revision}, which this flybill does not know: its own is "
            f"{newest_revision()}. A newer flybill has worked on it; use that version, or a newer one"
        )


def _upgrade(connection: Connection) -> None:
    # Imported where there is something to do: every command asks, and `flybill owes` must answer at once.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def schema_revision(connection: Connection) -> str | None:
    """The version of the schema, None when there is none."""
    if connection.execute(text("select to_regclass('flybill.alembic_version')")).scalar_one() is None:
        return None
    return connection.execute(text("select version_num from flybill.alembic_version")).scalar_one_or_none()


def shard_count(engine: Engine) -> int:
    """The number of shards; shards.py says what else is known of them."""
    with engine.connect() as connection:
        return int(connection.execute(select(facts.c.value).where(facts.c.name == "shards")).scalar_one())


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0]
