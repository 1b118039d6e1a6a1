"""The restores of this database from a backup, and standbys that took the place of its server: what they mean for what
was on its way to Stripe. Copies no files.

New durable rows are marked by triggers (migration 0013); here those that came with the backup are.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Identity,
    MetaData,
    Table,
    case,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.billing.sync.values import FOR_A_PERSON
from flybill_pipeline.stores.postgres.tables import metadata
from flybill_pipeline.stores.sync.credit_tables import stripe_credit_notes
from flybill_pipeline.stores.sync.tables import stripe_clock, stripe_customers, stripe_sync

restores = Table(  # insert only
    "restores",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("backup_taken_at", DateTime(timezone=True), nullable=False),
    Column("restored_at", DateTime(timezone=True), nullable=False),
    Column("stripe_at", DateTime(timezone=True)),  # Stripe's clock as the backup knew it, None when it did not
)


_SERVER = text(
    "select system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) from pg_control_system()"
)
"""Names the cluster, and its timeline: each standby that takes its place begins another one."""
_MAY_LACK = timedelta(days=2)
"""So much of what was last known may be missing, or wrong, where a standby took the place of a server."""


def is_new(engine: Engine) -> bool:
    """Whether nothing was ever stored in this database."""
    return not inspect(engine).get_table_names() and not inspect(engine).has_schema("flybill")


def make_new(engine: Engine) -> None:
    """Takes away what a restore that failed has stored in a database that was new."""
    with engine.begin() as connection:
        connection.execute(text("drop schema if exists flybill, flybill_lake cascade"))
        stored = MetaData()
        stored.reflect(connection)
        stored.drop_all(connection)


def record_restore(engine: Engine, backup_taken_at: datetime, restored_at: datetime) -> None:
    """Commits that this database is a copy as of `backup_taken_at`: the sync looks first at what Stripe has since."""
    with engine.begin() as connection:
        stripe_at = connection.scalar(select(stripe_clock.c.stripe_at))
        row = {"backup_taken_at": backup_taken_at, "restored_at": restored_at, "stripe_at": stripe_at}
        connection.execute(insert(restores).values(row))
        _look_first_at_all(connection, backup_taken_at, stripe_at)
        _keep_server(connection, _server(connection))


def notice_another_server(engine: Engine) -> bool:
    """Whether another server of Postgres has this database than at the last run; then the sync looks first.

    A standby that is promoted may lack what was committed last (asynchronous replication), and so not know what went to
    Stripe; nor does a copy that was restored without saying so. Servers that do not tell are taken to be the same.
    """
    with engine.begin() as connection:
        here = _server(connection)
        known = connection.execute(select(stripe_clock).with_for_update()).one_or_none()
        before = None if known is None else known.server
        if here is None or here == before:
            return False
        _keep_server(connection, here)
        if known is None or before is None:
            return False
        stripe_at = None if known.stripe_at is None else known.stripe_at - _MAY_LACK
        connection.execute(select(func.flybill.note_another_server(stripe_at)))
        since = connection.execute(select(func.now() - _MAY_LACK)).scalar_one()
        _look_first_at_all(connection, since, stripe_at)
    return True


def _server(connection: Connection) -> str | None:
    """Names it; None where it does not say."""
    try:
        with connection.begin_nested():
            return str(connection.scalar(_SERVER))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None


def _keep_server(connection: Connection, server: str | None) -> None:
    row = upsert(stripe_clock).values(one=True, server=server)
    connection.execute(row.on_conflict_do_update(index_elements=["one"], set_={"server": server}))


def _look_first_at_all(connection: Connection, since: datetime, stripe_at: datetime | None) -> None:
    for table in (stripe_sync, stripe_customers, stripe_credit_notes):
        connection.execute(_look_first(table, since, stripe_at))


def _look_first(table: Table, since: datetime, stripe_at: datetime | None) -> Any:
    """Every row that is not done, as after an answer that never came; what waits for a person goes on waiting."""
    c = table.c
    generation = select(func.flybill.look_first_generation()).scalar_subquery()
    return (
        update(table)
        .where(c.state.not_in(("finalized", "issued")))
        .values(
            state=case((c.state.in_(FOR_A_PERSON), c.state), else_="new"),
            step="look",
            step_key=None,
            generation=c.generation + generation,
            attempts=c.attempts + 1,
            next_attempt_at=None,
            first_sent_at=func.least(func.coalesce(c.first_sent_at, since), since),
            sent_after=case((c.first_sent_at.is_(None), stripe_at), else_=c.sent_after),
        )
    )
