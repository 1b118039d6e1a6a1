"""Opens the billing database: engine, migrations, the facts fixed at creation. No queries about billing here."""

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from flybill_pipeline.stores.postgres.tables import facts

INSUFFICIENT_PRIVILEGE = "42501"
MIGRATIONS = Path(__file__).parents[1] / "migrations"


class DatabaseError(Exception):
    """The billing database cannot be used as it is; the message says what to do."""


def open_engine(url: str) -> Engine:
    """An engine for `url` whose driver is named: a bare `postgresql://` means another one since SQLAlchemy 2.1.

    Raises DatabaseError when the URL is not one of Postgres.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError("FLYBILL_DATABASE_URL is no address such as postgresql://user@host/flybill") from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseError(f"FLYBILL_DATABASE_URL must be a postgresql:// address, not {parsed.get_backend_name()}://")
    return create_engine(parsed.set(drivername="postgresql+psycopg2"), pool_pre_ping=True, pool_size=8, max_overflow=40)


def migrate(engine: Engine, *, shards: int) -> None:
    """Brings the schema to this version, and records the number of shards if the database is new.

    Safe to run at any time and by several processes at once: a Postgres advisory lock lets one work. A role
    that may not change the schema will do where it is this version's already. Raises DatabaseError.
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
        raise DatabaseError(
            f"Cannot reach the billing database at {where} (FLYBILL_DATABASE_URL): {_first_line(error)}"
        ) from error


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
    """The number of shards, fixed when the database was created."""
    with engine.connect() as connection:
        return int(connection.execute(select(facts.c.value).where(facts.c.name == "shards")).scalar_one())


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0]
