"""The durable rows of the sync: what is being sent, what became of it. Belongs here: fenced writes. No decisions.

Every write names the `attempts` that the writer read; where the row has another number by now, nothing is written. A
write is committed when its method returns: what `mark_sending` recorded survives any crash of the call that follows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, case, func, select, update

from flybill_pipeline.billing.sync import Progress
from flybill_pipeline.stores.tables import organizations, stripe_customers, stripe_sync


class Rows:
    """The rows of one table, by its primary key."""

    def __init__(self, engine: Engine, table: Table, columns: tuple[str, ...]) -> None:
        self._engine = engine
        self._table = table
        self._id = next(iter(table.primary_key.columns))
        self._columns = [table.c[name] for name in columns]

    def read(self, connection: Connection, row_id: str) -> Progress | None:
        """The row as it is now, None when there is none."""
        return _progress(connection.execute(select(*self._columns).where(self._id == row_id)).one_or_none())

    def mark_sending(self, row_id: str, attempts: int, step: str, key: str, now: datetime) -> Progress | None:
        """Commits that `key` is about to be sent. A key that was sent before keeps the time of its first sending."""
        c = self._table.c
        values = {
            "step": step,
            "step_key": key,
            "step_first_sent_at": case((c.step_key == key, c.step_first_sent_at), else_=now),
            "first_sent_at": func.coalesce(c.first_sent_at, now),
            "attempts": c.attempts + 1,
            "calls": c.calls + 1,
            "updated_at": now,
        }
        with self._engine.begin() as connection:
            return self._write(connection, row_id, attempts, values)

    def record(self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime) -> Progress | None:
        """Commits what became of a call. `looks` in `changes` are the calls that were made besides."""
        values: dict[str, Any] = {**changes, "updated_at": now}
        if looks := values.pop("looks", 0):
            values["calls"] = self._table.c.calls + looks
        with self._engine.begin() as connection:
            row = self._write(connection, row_id, attempts, values)
            if row is not None:
                self._recorded(connection, row_id, changes)
            return row

    def _recorded(self, connection: Connection, row_id: str, changes: Mapping[str, object]) -> None:
        """What else is written in the same transaction."""

    def _write(self, connection: Connection, row_id: str, attempts: int, values: dict[str, Any]) -> Progress | None:
        fenced = update(self._table).where(self._id == row_id, self._table.c.attempts == attempts)
        return _progress(connection.execute(fenced.values(values).returning(*self._columns)).one_or_none())


class InvoiceRows(Rows):
    """`stripe_sync`, by invoice id."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, stripe_sync, tuple(Progress.__slots__))


class CustomerRows(Rows):
    """`stripe_customers`, by org id; a customer is linked to its org in the transaction that records it."""

    def __init__(self, engine: Engine) -> None:
        columns = tuple(name for name in Progress.__slots__ if name != "stripe_invoice_id")
        super().__init__(engine, stripe_customers, columns)

    def _recorded(self, connection: Connection, row_id: str, changes: Mapping[str, object]) -> None:
        if customer := changes.get("stripe_customer_id"):
            connection.execute(
                update(organizations)
                .where(organizations.c.org_id == row_id, organizations.c.stripe_customer_id.is_(None))
                .values(stripe_customer_id=customer)
            )


def _progress(row: Row[Any] | None) -> Progress | None:
    return None if row is None else Progress(**row._mapping)
