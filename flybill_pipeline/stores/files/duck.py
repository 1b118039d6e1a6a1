"""Opens DuckDB for work on the lake, within bounds of memory and threads. No query belongs here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb


@dataclass(frozen=True, slots=True)
class Limits:
    """What one piece of work may use. What does not fit into `memory` spills to a folder inside the lake."""

    memory: str = "2GB"
    threads: int = 2


@contextmanager
def duck(spill: Path, limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with temporary tables of its own, in UTC; everything in this process shares the limits.

    Rows keep the order in which they were read: row numbers depend on it.
    """
    with _database(spill, limits).cursor() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@lru_cache
def _database(spill: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    """Opening DuckDB costs tens of milliseconds, which a month of days should pay once."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory,
        "threads": str(limits.threads),
        "temp_directory": str(spill),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(config=config)


def quoted(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def parquet_rows(paths: list[str], *, union_by_name: bool = False) -> str:
    """A FROM item for the rows of these Parquet files; paths with glob characters are taken literally.

    With `union_by_name` a column that only some of them have is null in the others.
    """
    more = ", union_by_name = true" if union_by_name else ""
    return f"read_parquet([{', '.join(quoted(path) for path in paths)}]{more})"
