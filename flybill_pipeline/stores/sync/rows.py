"""The durable rows of the sync: what is being sent, what became of it. Belongs here: fenced writes. No decisions.

Every write names the `attempts` that the writer read; where the row has another number by now, nothing is written. A
write is committed when its method returns: what `mark_sending` recorded survives any crash of the call that follows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, Connection, Table, Update, bindparam, case, func, select, update

from flybill_pipeline.billing.sync.values import Progress
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.postgres.driver import CompiledStatement, Driver
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_profiles, stripe_sync


class Rows:
    """The rows of one table, by its primary key."""

    def __init__(self, driver: Driver, table: Table, key_mark: str = "") -> None:
        self._driver = driver
        self._table = table
        self._key_mark = key_mark
        self._id = next(iter(table.primary_key.columns))
        self._names = [name for name in Progress.__slots__ if name in table.c]
        self.columns = [table.c[name] for name in self._names]
        self._read = select(*self.columns).where(self._id == bindparam("row_id"))
        self._writes: dict[tuple[str, tuple[str, ...]], CompiledStatement] = {}

    def read(self, connection: Connection, row_id: str) -> Progress | None:
        """The row as it is now, None when there is none."""
        row = connection.execute(self._read, {"row_id": row_id}).one_or_none()
        return None if row is None else self.progress(row)

    def mark_sending(
        self,
        row_id: str,
        attempts: int,
        step: str,
        key: str,
        now: datetime,
        changes: Mapping[str, object] = MappingProxyType({}),
    ) -> Progress | None:
        """Commits that `key` is about to be sent. A key that was sent before keeps the time of its first sending."""
        return self._write(self._mark, changes, row_id=row_id, seen=attempts, now=now, next_step=step, key=key)

    def commit(
        self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime, *, looks: int = 0
    ) -> Progress | None:
        """Commits what became of a call. `looks` are the calls that were made besides."""
        return self._write(self._result, changes, row_id=row_id, seen=attempts, now=now, looks=looks)

    def progress(self, row: Sequence[Any]) -> Progress:
        """A row of `columns` as a value."""
        return Progress(**dict(zip(self._names, row, strict=True)))

    def _write(
        self, kind: Callable[[], dict[str, Any]], changes: Mapping[str, object], **values: object
    ) -> Progress | None:
        """Writes the changes and what this kind of write sets besides, if the fence lets it through."""
        name = (kind.__name__, tuple(changes))
        if name not in self._writes:
            self._writes[name] = self._fenced({each: bindparam(f"new_{each}") for each in changes} | kind())
        row = self._writes[name].row(**{f"new_{each}": value for each, value in changes.items()}, **values)
        return None if row is None else self.progress(row)

    def _mark(self) -> dict[str, Any]:
        c = self._table.c
        key: BindParameter[str] = bindparam("key")
        now: BindParameter[datetime] = bindparam("now")
        return {
            "step": bindparam("next_step"),
            "step_key": key,
            "step_first_sent_at": case((c.step_key == key, c.step_first_sent_at), else_=now),
            "first_sent_at": func.coalesce(c.first_sent_at, now),
            "sent_with": case((c.first_sent_at.is_(None), self._key_mark), else_=c.sent_with),
            "attempts": c.attempts + 1,
            "calls": c.calls + 1,
            "updated_at": now,
        }

    def _result(self) -> dict[str, Any]:
        return {"calls": self._table.c.calls + bindparam("looks"), "updated_at": bindparam("now")}

    def _fenced(self, values: Mapping[str, Any]) -> CompiledStatement:
        fence = (self._id == bindparam("row_id")) & (self._table.c.attempts == bindparam("seen"))
        return self._driver.statement(self._returning(update(self._table).where(fence).values(dict(values)), values))

    def _returning(self, write: Update, values: Mapping[str, Any]) -> Any:
        """The write with the row as it left it. `values` are those that it sets."""
        return write.returning(*self.columns)


class InvoiceRows(Rows):
    """`stripe_sync`, by invoice id. `key_mark`: see `SyncBreaker`."""

    def __init__(self, driver: Driver, key_mark: str = "") -> None:
        super().__init__(driver, stripe_sync, key_mark)


class CustomerRows(Rows):
    """`stripe_customers`, by org id; the statement that records a customer links it to its org as well."""

    def __init__(self, driver: Driver, key_mark: str = "") -> None:
        super().__init__(driver, stripe_customers, key_mark)

    def _returning(self, write: Update, values: Mapping[str, Any]) -> Any:
        if "stripe_customer_id" not in values:
            return super()._returning(write, values)
        written = write.returning(self._id, *self.columns).cte("written")
        linked = (
            update(organizations)
            .where(organizations.c.org_id == written.c.org_id, organizations.c.stripe_customer_id.is_(None))
            .values(stripe_customer_id=values["stripe_customer_id"])
            .cte("linked")
        )
        return select(*(written.c[column.name] for column in self.columns)).add_cte(linked)


class ProfileRows(Rows):
    """`stripe_profiles`, by org id."""

    def __init__(self, driver: Driver, key_mark: str = "") -> None:
        super().__init__(driver, stripe_profiles, key_mark)
