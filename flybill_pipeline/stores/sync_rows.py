"""The durable rows of the sync: what is being sent, what became of it. Belongs here: fenced writes. No decisions.

Every write names the `attempts` that the writer read; where the row has another number by now, nothing is written. A
write is committed when its method returns: what `mark_sending` recorded survives any crash of the call that follows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Engine, Row, Table, bindparam, case, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from flybill_pipeline.billing.sync import Progress
from flybill_pipeline.stores.tables import organizations, stripe_customers, stripe_sync


class Rows:
    """The rows of one table, by its primary key.

    Statements are built once and sent as they are: a sync makes several for each call, and building them anew took
    longer than Postgres takes. Each is a transaction of its own.
    """

    def __init__(self, engine: Engine, table: Table, columns: tuple[str, ...]) -> None:
        self._each_by_itself = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._table = table
        self._id = next(iter(table.primary_key.columns))
        self._columns = [table.c[name] for name in columns]
        self._read = select(*self._columns).where(self._id == bindparam("row_id"))
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
        self._records: dict[tuple[str, ...], ReturningUpdate[Any]] = {}

    def read(self, connection: Connection, row_id: str) -> Progress | None:
        """The row as it is now, None when there is none."""
        return _progress(connection.execute(self._read, {"row_id": row_id}).one_or_none())

    def mark_sending(self, row_id: str, attempts: int, step: str, key: str, now: datetime) -> Progress | None:
        """Commits that `key` is about to be sent. A key that was sent before keeps the time of its first sending."""
        values = {"row_id": row_id, "seen": attempts, "next_step": step, "key": key, "now": now}
        with self._each_by_itself.connect() as connection:
            return _progress(connection.execute(self._mark, values).one_or_none())

    def record(self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime) -> Progress | None:
        """Commits what became of a call. `looks` in `changes` are the calls that were made besides."""
        values = {"row_id": row_id, "seen": attempts, "looks": 0, "now": now}
        values |= {name if name == "looks" else f"new_{name}": value for name, value in changes.items()}
        with self._recording().connect() as connection, connection.begin():
            row = _progress(connection.execute(self._record_of(tuple(sorted(changes))), values).one_or_none())
            if row is not None:
                self._recorded(connection, row_id, changes)
            return row

    def _record_of(self, names: tuple[str, ...]) -> ReturningUpdate[Any]:
        if names not in self._records:
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "looks"}
            calls = self._table.c.calls + bindparam("looks")
            self._records[names] = self._fenced({**values, "calls": calls, "updated_at": bindparam("now")})
        return self._records[names]

    def _fenced(self, values: Mapping[str, Any]) -> ReturningUpdate[Any]:
        fence = (self._id == bindparam("row_id")) & (self._table.c.attempts == bindparam("seen"))
        return update(self._table).where(fence).values(dict(values)).returning(*self._columns)

    def _recording(self) -> Engine:
        """Where `record` connects: what it writes is one statement, unless `_recorded` adds another."""
        return self._each_by_itself

    def _recorded(self, connection: Connection, row_id: str, changes: Mapping[str, object]) -> None:
        """What else is written in the same transaction."""


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

    def _recording(self) -> Engine:
        return self._engine

    def _recorded(self, connection: Connection, row_id: str, changes: Mapping[str, object]) -> None:
        if customer := changes.get("stripe_customer_id"):
            connection.execute(
                update(organizations)
                .where(organizations.c.org_id == row_id, organizations.c.stripe_customer_id.is_(None))
                .values(stripe_customer_id=customer)
            )


def _progress(row: Row[Any] | None) -> Progress | None:
    return None if row is None else Progress(**row._mapping)
