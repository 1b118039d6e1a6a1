"""Statements are compiled once for a worker, whichever of its engines sends them. Not here: engines and databases.

A process of production opens its engines once. A test opens a deployment's whenever a command runs: a fifth of its
time went to compile for each of them what was compiled for the one before.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

ROOM = 4_000
"""Statements that are kept: more than flybill and Dagster have."""


class _Compiled(LRUCache[Any, Any]):
    """SQLAlchemy's keys begin with the dialect, which each engine has its own of. Here: what kind of dialect it is."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_shared(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_shared(key), value)


def _shared(key: Any) -> Any:
    dialect, *others = key
    return (type(dialect), dialect.server_version_info, *others)


def compile_once() -> None:
    """From now on the engines of this process share what they compile."""
    compiled = _Compiled(ROOM)

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)
