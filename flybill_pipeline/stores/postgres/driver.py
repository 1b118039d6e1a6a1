"""Statements that are sent often: compiled once, handed to the driver. Belongs here: how they get to Postgres. No SQL.

SQLAlchemy's way there takes longer than Postgres does: the sync sends several for each call to Stripe.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from time import monotonic
from typing import Any

from sqlalchemy import Compiled, Engine, NullPool, PoolProxiedConnection, create_engine
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.exc import OperationalError

from flybill_pipeline.stores.postgres.database import IDLE_SECONDS

_DIALECT = psycopg2.dialect()  # type: ignore[no-untyped-call]


class Driver:
    """Connections to the engine's database whose every statement is a transaction of its own: no round trip before or
    after it. They are kept until `close`; whether one still stands is noticed by using it, or asked when it rested.
    Safe between threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = create_engine(
            engine.url, isolation_level="AUTOCOMMIT", poolclass=NullPool, use_native_hstore=False
        )
        self._idle: deque[tuple[PoolProxiedConnection, float]] = deque()

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        while connection := self._kept():
            connection[0].close()

    def statement(self, clause: Any) -> "CompiledStatement":
        """The clause, ready to be run."""
        compiled = _compiled(clause)
        return CompiledStatement(self, str(compiled), dict(compiled.params))

    def rows(self, text: str, values: dict[str, object]) -> Sequence[tuple[Any, ...]]:
        """What the statement returned, committed."""
        connection = self._connection()
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(text, values)
                rows = cursor.fetchall()
        except BaseException as error:
            cut = bool(getattr(connection.dbapi_connection, "closed", False))
            connection.invalidate()
            if not cut:
                raise
            self.close()  # the others were cut too: each of them would fail somebody
            raise OperationalError(text, None, error) from error
        self._idle.append((connection, monotonic()))
        return rows

    def _connection(self) -> PoolProxiedConnection:
        while kept := self._kept():
            connection, used_at = kept
            if monotonic() - used_at < IDLE_SECONDS or _holds(connection):
                return connection
            connection.invalidate()
        return self._engine.raw_connection()

    def _kept(self) -> tuple[PoolProxiedConnection, float] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _holds(connection: PoolProxiedConnection) -> bool:
    try:
        return bool(_DIALECT.do_ping(connection.dbapi_connection))  # type: ignore[no-untyped-call]
    except _DIALECT.import_dbapi().Error:  # type: ignore[no-untyped-call]
        return False


@lru_cache(maxsize=64)
def _compiled(clause: Any) -> Compiled:
    found: Compiled = clause.compile(dialect=_DIALECT)
    return found


class CompiledStatement:
    """One statement that returns rows; its parameters are named as in the clause."""

    def __init__(self, driver: Driver, text: str, constants: dict[str, object]) -> None:
        self._driver, self._text, self._constants = driver, text, constants

    def rows(self, **values: object) -> Sequence[tuple[Any, ...]]:
        """The rows, in tuples of the clause's columns."""
        return self._driver.rows(self._text, {**self._constants, **values})

    def row(self, **values: object) -> tuple[Any, ...] | None:
        """The only row, None when there is none."""
        rows = self.rows(**values)
        return rows[0] if rows else None
