"""Which processes are alive: each holds a lock in Postgres that ends with its connection. Not what they work on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from flybill_pipeline.stores.postgres.sessions import require_own_sessions

KEY = "hashtextextended('flybill process ' || :name, 0)"


class Presence:
    """The lock by which everybody sees that a process is alive, on a connection of its own."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name
        self._connection, self._held = self._connected(), False

    def take(self) -> bool:
        """Whether the name is now this process's: not while another one has it, or looks whether it is there."""
        self._held = bool(self._asked(f"select pg_try_advisory_lock({KEY})"))
        return self._held

    def wait(self) -> None:
        """Takes the name as soon as nobody else has it."""
        self._asked(f"select pg_advisory_lock({KEY})")
        self._held = True

    def renew(self) -> None:
        """Takes the name again where the connection was cut: Postgres was restarted, or closed what was idle.

        Raises OperationalError while the database is away.
        """
        try:
            self._asked("select :name")
        except SQLAlchemyError:  # also of a connection that could not be replaced the last time
            self._held, again = False, self._connected()
            self._connection.invalidate()
            self._connection.close()
            self._connection = again
        if not self._held:
            self.take()

    def end(self) -> None:
        """Gives the name back. The connection may have been cut long ago, and the lock ended with it."""
        with suppress(SQLAlchemyError):
            self._asked(f"select pg_advisory_unlock({KEY})")
        self._connection.invalidate()
        self._connection.close()

    def _connected(self) -> Connection:
        require_own_sessions(self._engine)
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _asked(self, query: str) -> object:
        return self._connection.execute(text(query), {"name": self._name}).scalar_one()


@contextmanager
def present(engine: Engine, name: str) -> Iterator[Presence]:
    """Shows everybody that the process `name` is alive, until the block ends or the process does, however it ends."""
    presence = Presence(engine, name)
    try:
        presence.wait()
        yield presence
    finally:
        presence.end()


class AlreadyPresentError(Exception):
    """Another process has the name that only one may have; the message says which, and what to do."""


@contextmanager
def only_one(engine: Engine, name: str, refusal: str) -> Iterator[Presence]:
    """As `present`, for a name that one process alone may have: AlreadyPresentError(refusal) for a second one."""
    presence = Presence(engine, name)
    try:
        if not presence.take():
            raise AlreadyPresentError(refusal)
        yield presence
    finally:
        presence.end()


def is_present(engine: Engine, name: str) -> bool:
    """Whether the process `name` is alive."""
    with engine.begin() as connection:
        taken = connection.execute(text(f"select pg_try_advisory_xact_lock({KEY})"), {"name": name}).scalar_one()
    return not taken
