"""The durable rows of the sync: what is being sent, what became of it. Belongs here: fenced writes. No decisions.

Every write names the `attempts` that the writer read; where the row has another number by now, nothing is written. A
write is committed when its method returns: what `mark_sending` recorded survives any crash of the call that follows.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Engine,
    PoolProxiedConnection,
    Table,
    bindparam,
    case,
    func,
    select,
    update,
)

from flybill_pipeline.billing.sync import Progress
from flybill_pipeline.stores.tables import organizations, stripe_customers, stripe_sync


class _Statement:
    """A fenced write, compiled once and handed to the driver: a sync makes two for each call, and SQLAlchemy's way
    there takes longer than Postgres does.
    """

    def __init__(self, clause: Any, engine: Engine, columns: tuple[str, ...]) -> None:
        compiled = clause.compile(dialect=engine.dialect)
        self._text, self._constants = str(compiled), dict(compiled.params)
        self._columns = columns

    def run(self, connection: PoolProxiedConnection, values: Mapping[str, object]) -> Progress | None:
        """The row as written, None when the fence let nothing through."""
        with closing(connection.cursor()) as cursor:
            cursor.execute(self._text, {**self._constants, **values})
            found = cursor.fetchone()
        return None if found is None else Progress(**dict(zip(self._columns, found, strict=True)))


class Rows:
    """The rows of one table, by its primary key. `statements` is a `database.statement_engine`: each write commits."""

    def __init__(self, statements: Engine, table: Table, columns: tuple[str, ...]) -> None:
        self._statements = statements
        self._table = table
        self._id = next(iter(table.primary_key.columns))
        self._columns = columns
        self._read = select(*(table.c[name] for name in columns)).where(self._id == bindparam("row_id"))
        c = table.c
        key: BindParameter[str] = bindparam("key")
        now: BindParameter[datetime] = bindparam("now")
        self._mark = self._fenced(
            {
                "step": bindparam("next_step"),
                "step_key": key,
                "step_first_sent_at": case((c.step_key == key, c.step_first_sent_at), else_=now),
                "first_sent_at": func.coalesce(c.first_sent_at, now),
                "attempts": c.attempts + 1,
                "calls": c.calls + 1,
                "updated_at": now,
            }
        )
        self._records: dict[tuple[str, ...], _Statement] = {}

    def read(self, connection: Connection, row_id: str) -> Progress | None:
        """The row as it is now, None when there is none."""
        found = connection.execute(self._read, {"row_id": row_id}).one_or_none()
        return None if found is None else Progress(**found._mapping)

    def mark_sending(self, row_id: str, attempts: int, step: str, key: str, now: datetime) -> Progress | None:
        """Commits that `key` is about to be sent. A key that was sent before keeps the time of its first sending."""
        values = {"row_id": row_id, "seen": attempts, "next_step": step, "key": key, "now": now}
        with closing(self._statements.raw_connection()) as connection:
            return self._mark.run(connection, values)

    def record(self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime) -> Progress | None:
        """Commits what became of a call. `looks` in `changes` are the calls that were made besides."""
        with closing(self._statements.raw_connection()) as connection:
            return self._record(connection, row_id, attempts, changes, now)

    def _record(
        self,
        connection: PoolProxiedConnection,
        row_id: str,
        attempts: int,
        changes: Mapping[str, object],
        now: datetime,
    ) -> Progress | None:
        values = {"row_id": row_id, "seen": attempts, "looks": 0, "now": now}
        values |= {name if name == "looks" else f"new_{name}": value for name, value in changes.items()}
        return self._record_of(tuple(sorted(changes))).run(connection, values)

    def _record_of(self, names: tuple[str, ...]) -> _Statement:
        if names not in self._records:
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "looks"}
            calls = self._table.c.calls + bindparam("looks")
            self._records[names] = self._fenced({**values, "calls": calls, "updated_at": bindparam("now")})
        return self._records[names]

    def _fenced(self, values: Mapping[str, Any]) -> _Statement:
        fence = (self._id == bindparam("row_id")) & (self._table.c.attempts == bindparam("seen"))
        returned = [self._table.c[name] for name in self._columns]
        write = update(self._table).where(fence).values(dict(values)).returning(*returned)
        return _Statement(write, self._statements, self._columns)


class InvoiceRows(Rows):
    """`stripe_sync`, by invoice id."""

    def __init__(self, statements: Engine) -> None:
        super().__init__(statements, stripe_sync, tuple(Progress.__slots__))


class CustomerRows(Rows):
    """`stripe_customers`, by org id; a customer is linked to its org in the transaction that records it."""

    def __init__(self, engine: Engine, statements: Engine) -> None:
        columns = tuple(name for name in Progress.__slots__ if name != "stripe_invoice_id")
        super().__init__(statements, stripe_customers, columns)
        self._engine = engine

    def record(self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime) -> Progress | None:
        """As for other rows, with the link."""
        with self._engine.begin() as connection:
            row = self._record(connection.connection, row_id, attempts, changes, now)
            if row is not None and (customer := changes.get("stripe_customer_id")):
                connection.execute(
                    update(organizations)
                    .where(organizations.c.org_id == row_id, organizations.c.stripe_customer_id.is_(None))
                    .values(stripe_customer_id=customer)
                )
            return row
