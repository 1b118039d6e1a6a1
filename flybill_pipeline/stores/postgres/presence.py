"""Which processes are alive: each holds a lock in Postgres that ends with its connection. Not what they work on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

KEY = "hashtextextended('flybill process ' || :name, 0)"


@contextmanager
def present(engine: Engine, name: str) -> Iterator[None]:
    """Shows everybody that the process `name` is alive, until the block ends or the process does, however it ends."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"select pg_advisory_lock({KEY})"), {"name": name})
        try:
            yield
        finally:
            connection.execute(text(f"select pg_advisory_unlock({KEY})"), {"name": name})


class AlreadyPresentError(Exception):
    """Another process has the name that only one may have; the message says which, and what to do."""


@contextmanager
def only_one(engine: Engine, name: str, refusal: str) -> Iterator[None]:
    """As `present`, for a name that one process alone may have: AlreadyPresentError(refusal) for a second one."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text(f"select pg_try_advisory_lock({KEY})"), {"name": name}).scalar_one():
            raise AlreadyPresentError(refusal)
        try:
            yield
        finally:
            with suppress(DBAPIError):  # the connection may have been cut long ago, and the lock ended with it
                connection.execute(text(f"select pg_advisory_unlock({KEY})"), {"name": name})
            connection.invalidate()


def is_present(engine: Engine, name: str) -> bool:
    """Whether the process `name` is alive."""
    with engine.begin() as connection:
        taken = connection.execute(text(f"select pg_try_advisory_xact_lock({KEY})"), {"name": name}).scalar_one()
    return not taken
