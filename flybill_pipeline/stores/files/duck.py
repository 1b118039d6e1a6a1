"""Opens DuckDB for work on the lake, within bounds of memory and threads, and names files to it. No query belongs here.

Whatever path DuckDB is to read or write goes through this file, so that each is taken literally: a name is never a
pattern, and a folder called `meter=gb` is no column.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import duckdb

from flybill_pipeline.stores.files.literal_names import literal_name

_LITERAL = "hive_partitioning = false"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one piece of work may use. What does not fit into `memory` spills to a folder inside the lake."""

    memory: str = "2GB"
    threads: int = 2


@dataclass(frozen=True, slots=True)
class _Opened:
    """A DuckDB, and the macros that it knows."""

    connection: duckdb.DuckDBPyConnection
    macros: set[str] = field(default_factory=set)

    def learn(self, macros: str) -> None:
        if macros not in self.macros:
            self.connection.execute(macros)
            self.macros.add(macros)


@contextmanager
def duck(spill: Path, limits: Limits, macros: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with temporary tables of its own, in UTC; everything in this process shares the limits.

    `macros`: statements that make macros which are not temporary. They are run once, since that takes as long as to
    read a small file. Rows keep the order in which they were read: row numbers depend on it.
    """
    with _connected(spill, limits, macros) as connection:
        yield connection


_opened: dict[tuple[Path, Limits], _Opened] = {}
"""Opening DuckDB costs tens of milliseconds, which a month of days should pay once."""
_opening = Lock()
MOST_OPEN = 8
"""Lakes that one process works on at once; in production it is one."""


def _connected(spill: Path, limits: Limits, macros: str) -> duckdb.DuckDBPyConnection:
    """A new connection to the database, or to a new one when the old one has fallen over.

    After an internal error DuckDB refuses everything that comes after: that must be the end of one piece of work only.
    """
    with _opening:
        for _ in range(2):
            if (spill, limits) not in _opened:
                _opened[spill, limits] = _Opened(_open(spill, limits))
            opened = _opened[spill, limits]
            connection = opened.connection.cursor()
            try:
                connection.execute("set TimeZone = 'UTC'")
                opened.learn(macros)
            except duckdb.Error:
                connection.close()
                del _opened[spill, limits]
            else:
                for oldest in list(_opened)[:-MOST_OPEN]:
                    del _opened[oldest]
                return connection
    raise RuntimeError("DuckDB does not answer, not even a new one")


def _open(spill: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory,
        "threads": str(limits.threads),
        "temp_directory": literal_name(spill),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(config=config)


def quoted(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def parquet_rows(paths: Sequence[str | Path], *, options: str = "") -> str:
    """A FROM item for the rows of these Parquet files; `options` are further ones of read_parquet."""
    return f"read_parquet({_files(paths)}, {_and(options)})"


def parquet_schema(path: str | Path) -> str:
    """A FROM item for the schema of a Parquet file, as the file says it."""
    return f"parquet_schema({_files([path])})"


def csv_rows(path: str | Path, options: str) -> str:
    """A FROM item for the rows of a file of lines; `options` are those of read_csv."""
    return f"read_csv({_files([path])}, {_and(options)})"


def copied(query: str, path: Path, options: str) -> str:
    """A statement that writes the rows of `query` to `path`; `options` are those of COPY."""
    return f"copy ({query}) to {quoted(literal_name(path))} ({options})"


def _files(paths: Sequence[str | Path]) -> str:
    return f"[{', '.join(quoted(literal_name(Path(path))) for path in paths)}]"


def _and(options: str) -> str:
    return f"{_LITERAL}, {options}" if options else _LITERAL
