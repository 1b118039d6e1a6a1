"""Claims on organizations, so that no two workers, of whatever process, call Stripe for the same one. Nothing else.

A claim is an advisory lock of one database session: it needs no clock and no lease, and Postgres releases it at once
when the process dies. Were the session lost, two workers might meet on one row: its `attempts` fence (`rows.py`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

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
            if self._connection is not None:
                self._connection.invalidate()  # the session ends here: a pooled one would keep its locks
            self._connection = None
            self._held.clear()

    def _claim(self, org_id: str) -> bool:
        with self._mutex:
            if org_id in self._held:  # the lock itself would let its own session in again
                return False
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            taken = bool(self._connection.exec_driver_sql(_TRY, (_name(org_id),)).scalar_one())
            if taken:
                self._held.add(org_id)
            return taken

    def _release(self, org_id: str) -> None:
        with self._mutex:
            if self._connection is None or org_id not in self._held:
                return
            self._held.discard(org_id)
            try:
                self._connection.exec_driver_sql(_RELEASE, (_name(org_id),))
            except SQLAlchemyError:  # the session is lost, and with it, by itself, every claim
                self._connection.invalidate()
                self._connection = None


def _name(org_id: str) -> str:
    return f"flybill sync of {org_id}"
