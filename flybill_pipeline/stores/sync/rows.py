"""The durable rows of the sync: what is being sent, what became of it. Belongs here: fenced writes. No decisions.

Every write names the `attempts` that the writer read; where the row has another number by now, nothing is written. A
write is committed when its method returns: what `mark_sending` recorded survives any crash of the call that follows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, Column, Connection, Table, bindparam, case, func, select, update

from flybill_pipeline.billing.sync.values import Progress
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.postgres.driver import CompiledStatement, Driver
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_profiles, stripe_sync

_Kind = Callable[[Table], dict[str, Any]]
"""What a kind of write sets besides the changes that it is given."""


class Rows:
    """The rows of one table, by its primary key."""

    def __init__(self, driver: Driver, table: Table, key_mark: str = "") -> None:
        self._driver = driver
        self._table = table
        self._key_mark = key_mark
        self._names = _names(table)
        self.columns = _columns(table)
        self._read = select(*self.columns).where(_id(table) == bindparam("row_id"))
        self._writes: dict[tuple[_Kind, tuple[str, ...]], CompiledStatement] = {}

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
        values = {"row_id": row_id, "seen": attempts, "now": now, "next_step": step, "key": key}
        return self._write(_mark, changes, values | {"key_mark": self._key_mark})

    def commit(
        self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime, *, looks: int = 0
    ) -> Progress | None:
        """Commits what became of a call. `looks` are the calls that were made besides."""
        return self._write(_result, changes, {"row_id": row_id, "seen": attempts, "now": now, "looks": looks})

    def progress(self, row: Sequence[Any]) -> Progress:
        """A row of `columns` as a value."""
        return Progress(**dict(zip(self._names, row, strict=True)))

    def _write(self, kind: _Kind, changes: Mapping[str, object], values: Mapping[str, object]) -> Progress | None:
        """Writes the changes and what this kind of write sets besides, if the fence lets it through."""
        name = (kind, tuple(changes))
        if name not in self._writes:
            self._writes[name] = self._driver.statement(_fenced(self._table, *name))
        row = self._writes[name].row(**{f"new_{each}": value for each, value in changes.items()}, **values)
        return None if row is None else self.progress(row)


class InvoiceRows(Rows):
    """`stripe_sync`, by invoice id. `key_mark`: see `SyncBreaker`."""

    def __init__(self, driver: Driver, key_mark: str = "") -> None:
        super().__init__(driver, stripe_sync, key_mark)


class CustomerRows(Rows):
    """`stripe_customers`, by org id; the statement that records a customer links it to its org as well."""

    def __init__(self, driver: Driver, key_mark: str = "") -> None:
        super().__init__(driver, stripe_customers, key_mark)


class ProfileRows(Rows):
    """`stripe_profiles`, by org id."""

    def __init__(self, driver: Driver, key_mark: str = "") -> None:
        super().__init__(driver, stripe_profiles, key_mark)


def _id(table: Table) -> Column[str]:
    return next(iter(table.primary_key.columns))


def _names(table: Table) -> list[str]:
    return [name for name in Progress.__slots__ if name in table.c]


def _columns(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name in _names(table)]


def _mark(table: Table) -> dict[str, Any]:
    c = table.c
    key: BindParameter[str] = bindparam("key")
    now: BindParameter[datetime] = bindparam("now")
    return {
        "step": bindparam("next_step"),
        "step_key": key,
        "step_first_sent_at": case((c.step_key == key, c.step_first_sent_at), else_=now),
        "first_sent_at": func.coalesce(c.first_sent_at, now),
        "sent_with": case((c.first_sent_at.is_(None), bindparam("key_mark")), else_=c.sent_with),
        "attempts": c.attempts + 1,
        "calls": c.calls + 1,
        "updated_at": now,
    }


def _result(table: Table) -> dict[str, Any]:
    return {"calls": table.c.calls + bindparam("looks"), "updated_at": bindparam("now")}


@cache  # one clause is compiled once
def _fenced(table: Table, kind: _Kind, changes: tuple[str, ...]) -> Any:
    """A write of this kind that sets the columns `changes` too; it returns the row as it left it."""
    values: dict[str, Any] = {each: bindparam(f"new_{each}") for each in changes} | kind(table)
    fence = (_id(table) == bindparam("row_id")) & (table.c.attempts == bindparam("seen"))
    write = update(table).where(fence).values(values)
    if table is not stripe_customers or "stripe_customer_id" not in values:
        return write.returning(*_columns(table))
    written = write.returning(_id(table), *_columns(table)).cte("written")
    linked = (
        update(organizations)
        .where(organizations.c.org_id == written.c.org_id, organizations.c.stripe_customer_id.is_(None))
        .values(stripe_customer_id=values["stripe_customer_id"])
        .cte("linked")
    )
    return select(*(written.c[name] for name in _names(table))).add_cte(linked)
