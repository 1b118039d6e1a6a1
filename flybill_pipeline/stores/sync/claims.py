"""Claims on organizations, so that no two workers, of whatever process, call Stripe for the same one. Nothing else.

A claim is an advisory lock of one database session: it needs no clock and no lease, and Postgres releases it at once
when the process dies. Were the session lost, two workers might meet on one row: its `attempts` fence (`rows.py`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from flybill_pipeline.stores.postgres.sessions import require_own_sessions

_TRY = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
_RELEASE = "select pg_advisory_unlock(hashtextextended(%s, 0))"


class Claims:
    """The claims of one process, all on one connection of their own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mutex = threading.Lock()
        self._connection: Connection | None = None
        self._held: set[str] = set()

    @contextmanager
    def held(self, org_id: str) -> Iterator[bool]:
        """True inside when the org is now claimed, False when another worker has it."""
        if not self._claim(org_id):
            yield False
            return
        try:
            yield True
        finally:
            self._release(org_id)

    def close(self) -> None:
        """Releases everything and gives the connection back."""
        with self._mutex:
            self._drop()
            self._held.clear()

    def _claim(self, org_id: str) -> bool:
        with self._mutex:
            if org_id in self._held:  # the lock itself would let its own session in again
                return False
            try:
                taken = self._asked(_TRY, org_id)
            except OperationalError:  # the connection may have been cut long ago: nothing was taken by it
                taken = self._asked(_TRY, org_id)
            if taken:
                self._held.add(org_id)
            return taken

    def _release(self, org_id: str) -> None:
        with self._mutex:
            if org_id not in self._held:
                return
            self._held.discard(org_id)
            if self._connection is not None:
                with suppress(SQLAlchemyError):  # the session is lost, and with it, by itself, every claim
                    self._asked(_RELEASE, org_id)

    def _asked(self, query: str, org_id: str) -> bool:
        """The answer; a connection that does not give one is never used again."""
        if self._connection is None:
            require_own_sessions(self._engine)
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            return bool(self._connection.exec_driver_sql(query, (_name(org_id),)).scalar_one())
        except SQLAlchemyError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # the session ends here: a pooled one would keep its locks
            self._connection.close()
        self._connection = None


def _name(org_id: str) -> str:
    return f"flybill sync of {org_id}"
