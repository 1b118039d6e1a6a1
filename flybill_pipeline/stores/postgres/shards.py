"""How many shards a database has: known to each process that uses it, and changed by one. No queries about billing.

A shard is a hash of the organization's id modulo their number (billing/invoicing/shards.py). More of them are a
multiple of what there was, so that each falls apart and no two mix. Files of the lake keep the shards of then.
"""

# ruff: noqa: S608 - only our own names are put together; nothing comes from outside

from contextlib import closing

from sqlalchemy import Connection, Engine, event, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import DBAPIConnection

from flybill_pipeline.stores.postgres.database import DatabaseError
from flybill_pipeline.stores.postgres.tables import facts

SHARDS, FORMERLY = "shards", "shards_formerly"
"""The facts: the number that there is, and those that there were, between commas."""
WITH_SHARDS = (
    "organizations",
    "billing_items",
    "drafts",
    "pricing_bases",
    "too_late_usage",
    "outcomes",
    "invoices",
)
"""The tables whose rows have the shard of their organization. Runs of the past keep the shard that they were of."""
NOT_THERE = ("42P01", "3F000")
"""Postgres' codes for a table, and a schema, that is not there."""
_OF_ORG = "('x' || left(md5(org_id), 8))::bit(32)::bigint % :shards"
_LOOKS = 20
"""How often it is looked whether we are alone, a tenth of a second apart: who ended just now is connected for a moment.
"""
_OTHERS = """
select count(*), string_agg(distinct coalesce(nullif(application_name, ''), usename, 'unknown'), ', ')
from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


def expect_shards(engine: Engine, shards: int) -> None:
    """From now on each connection of `engine` is refused, by DatabaseError, when the database has another number."""

    def ask(connection: DBAPIConnection, _record: object) -> None:
        found = _shards_of(engine, connection)
        if found not in (None, shards):
            raise DatabaseError(
                f"The database has {found} shards by now, and this process began with {shards}: start it again. Where "
                f"FLYBILL_SHARDS is set, set it to {found}"
            )

    event.listen(engine, "connect", ask)


def _shards_of(engine: Engine, connection: DBAPIConnection) -> int | None:
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"select value from flybill.facts where name = '{SHARDS}'")
            row = cursor.fetchone()
    except engine.dialect.loaded_dbapi.ProgrammingError as error:
        if getattr(error, "pgcode", None) not in NOT_THERE:
            raise
        row = None
    connection.rollback()
    return None if row is None else int(row[0])


def former_counts(engine: Engine) -> tuple[int, ...]:
    """How many shards there were before, the newest number last."""
    with engine.connect() as connection:
        return _former_counts(connection)


def reshard(engine: Engine, shards: int) -> dict[str, int]:
    """Gives the database that many shards, and each row the one that it belongs to: table → rows that moved.

    All or nothing, in one transaction. Only the owner of the schema may. Raises DatabaseError when `shards` is no
    multiple of what there is, and while anything else is connected to the database.
    """
    with engine.begin() as connection:
        connection.execute(text("lock table flybill.facts in access exclusive mode"))  # whoever comes now waits here
        before = int(connection.execute(select(facts.c.value).where(facts.c.name == SHARDS)).scalar_one())
        if shards % before or shards <= before:
            raise DatabaseError(f"There are {before} shards: more of them must be a multiple, such as {2 * before}")
        _require_alone(connection)
        moved = {table: _move(connection, table, shards) for table in WITH_SHARDS}
        _remember(connection, SHARDS, str(shards))
        _remember(connection, FORMERLY, ",".join(map(str, (*_former_counts(connection), before))))
    return moved


def _require_alone(connection: Connection) -> None:
    for _ in range(_LOOKS):
        others, names = connection.execute(text(_OTHERS)).one()
        if not others:
            return
        connection.execute(text("select pg_sleep(0.1), pg_stat_clear_snapshot()"))  # else the next look sees the same
    raise DatabaseError(
        f"The database is in use, by {others} other connections ({names}): end all of flybill (closes, "
        "`flybill up`, pages, webhooks), and what else is connected, then type this again"
    )


def _move(connection: Connection, table: str, shards: int) -> int:
    """Finalized rows are moved too: what guards them sees to money, and is off for this transaction alone."""
    connection.execute(text(f"alter table flybill.{table} disable trigger user"))
    move = text(f"update flybill.{table} set shard = {_OF_ORG} where shard <> {_OF_ORG}")
    moved = connection.execute(move, {"shards": shards}).rowcount
    connection.execute(text(f"alter table flybill.{table} enable trigger user"))
    return moved


def _former_counts(connection: Connection) -> tuple[int, ...]:
    found = connection.execute(select(facts.c.value).where(facts.c.name == FORMERLY)).scalar_one_or_none()
    return tuple(map(int, found.split(","))) if found else ()


def _remember(connection: Connection, name: str, value: str) -> None:
    told = insert(facts).values(name=name, value=value)
    connection.execute(told.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
