"""Opens DuckDB for work on the lake, within bounds of memory, threads and folders, and names files to it. No queries.

It reaches the folder that it works in and what it is told to read, and no other file, whatever it is asked.
Whatever path it is to read or write goes through this file, so that each is taken literally: a name is never a pattern,
and a folder called `meter=gb` is no column.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import duckdb

from flybill_pipeline.billing.usage.texts import is_whole
from flybill_pipeline.stores.files.literal_names import literal_name

_LITERAL = "hive_partitioning = false"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one piece of work may use. What does not fit into `memory` spills to a folder inside the lake.

    Beside the lake it may read what is in the folders `reads`, and the files that are named there.
    """

    memory: str = "2GB"
    threads: int = 2
    reads: tuple[Path, ...] = ()


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
def duck(folder: Path, limits: Limits, macros: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with temporary tables of its own, in UTC; all work in this `folder` shares the limits.

    `macros`: statements that make macros which are not temporary. They are run once, since that takes as long as to
    read a small file. Rows keep the order in which they were read: row numbers depend on it.
    """
    with _connected(folder, limits, macros) as connection:
        yield connection


@contextmanager
def duck_once(folder: Path, limits: Limits, macros: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """The same for a folder that is gone after this one piece of work."""
    with _open(folder, limits) as connection:
        connection.execute(macros)
        yield connection


_opened: dict[tuple[Path, Limits], _Opened] = {}
"""Opening DuckDB costs tens of milliseconds, which a month of days should pay once."""
_opening = Lock()
MOST_OPEN = 8
"""Lakes that one process works on at once; in production it is one."""


def _connected(folder: Path, limits: Limits, macros: str) -> duckdb.DuckDBPyConnection:
    """A new connection to the database, or to a new one when the old one has fallen over.

    After an internal error DuckDB refuses everything that comes after: that must be the end of one piece of work only.
    """
    with _opening:
        for _ in range(2):
            if (folder, limits) not in _opened:
                _opened[folder, limits] = _Opened(_open(folder, limits))
            opened = _opened[folder, limits]
            connection = opened.connection.cursor()
            try:
                connection.execute("select 1").fetchall()  # nothing can be registered while an answer waits
                opened.learn(macros)
            except duckdb.Error:
                connection.close()
                del _opened[folder, limits]
            else:
                for oldest in list(_opened)[:-MOST_OPEN]:
                    del _opened[oldest]
                return connection
    raise RuntimeError("DuckDB does not answer, not even a new one")


def _open(folder: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    with suppress(OSError):  # a folder that may not be written to, or is not there, has nothing that spills
        (folder / "work").mkdir(exist_ok=True)  # DuckDB makes no folder above the one for what spills
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory,
        "threads": str(limits.threads),
        "temp_directory": literal_name(folder / "work" / "spill"),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    connection = duckdb.connect(config=config)
    connection.execute("set global TimeZone = 'UTC'")
    if not limits.reads:  # a file of the lake never changes; another one may, within a tick of its clock
        connection.execute("set global parquet_metadata_cache = true")
    _fence(connection, (folder, *limits.reads))
    return connection


def _fence(connection: duckdb.DuckDBPyConnection, places: Sequence[Path]) -> None:
    """Nothing but these folders, and what is in them, and these files can be reached from now on.

    DuckDB looks where links lead to.
    """
    real = [_tellable(place.resolve()) for place in places]
    folders = [quoted(str(place)) for place in real if not place.is_file()]
    files = [quoted(str(place)) for place in real if place.is_file()]
    connection.execute(f"set global allowed_directories = [{', '.join(folders)}]")
    connection.execute(f"set global allowed_paths = [{', '.join(files)}]")
    connection.execute("set global enable_external_access = false")
    connection.execute("set global lock_configuration = true")


def _tellable(place: Path) -> Path:
    """The place, or the folder above it that DuckDB can be told of: not one that is no UTF-8, or with a backslash."""
    return next(each for each in (place, *place.parents) if is_whole(str(each)) and "\\" not in str(each))


def quoted(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def parquet_rows(paths: Sequence[str | Path], *, options: str = "") -> str:
    """A FROM item for the rows of these Parquet files; `options` are further ones of read_parquet."""
    return f"read_parquet({_files(paths)}, {_and(options)})"


def parquet_schema(path: str | Path) -> str:
    """A FROM item for the schema of a Parquet file, as the file says it."""
    return f"parquet_schema({_files([path])})"


def parquet_said(paths: Sequence[str | Path]) -> str:
    """A FROM item for what Parquet files say of themselves: file_name, key, value; the last two as blobs."""
    return f"parquet_kv_metadata({_files(paths)})"


def parquet_columns(paths: Sequence[str | Path]) -> str:
    """A FROM item for what Parquet files say of each column of each group of rows: file_name, its bounds, …"""
    return f"parquet_metadata({_files(paths)})"


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


def lacks_a_column(error: Exception) -> bool:
    """Whether the first file of several, or another one, lacks a column that is asked for."""
    return isinstance(error, duckdb.BinderException) or isinstance(error.__cause__, duckdb.InvalidInputException)
