"""Refuses a CSV file in which a quote hides where rows begin: nobody could say how many rows were lost in it."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError

SHOWN_BYTES = 10_000  # as much of a rejected record as DuckDB keeps

_LOST = """select line, bool_or(too_long) from (
    select line, error_type = 'LINE SIZE OVER MAXIMUM' as too_long from rejects
    where strlen(csv_line) >= ? or regexp_matches(trim(csv_line, chr(13) || chr(10)), '[\\r\\n]')
    union all select line, false from rejects group by line having count(distinct line_byte_position) > 1)
    group by line order by line limit 1"""


class UnclearRowsError(UnreadableFileError):
    """Nobody can tell where the rows of a CSV file begin, be it for its quotes or for the ends of its lines."""


def require_whole_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises UnclearRowsError if a rejected record spans several lines, is too long to tell, or is cut into several.

    Such a record has swallowed the rows after a quote that nobody meant. A rejected record of one line is one row.
    """
    for row, too_long in connection.execute(_LOST, [SHOWN_BYTES]).fetchall():
        long, shorter = (f"row {row} has more than 16 MiB, which nobody reads, or ", "write a shorter row; or ")
        raise UnclearRowsError(
            f"{long * too_long}a quote in row {row} is not closed as it should be: from there on nobody can tell where"
            " rows begin",
            f"{shorter * too_long}double each quote within quoted text, or set `quote` of the source in sources.toml"
            " (or `escape`, where a backslash stands before it), and put the file in its place again",
        )


@contextmanager
def one_kind_of_lines() -> Iterator[None]:
    """Raises UnclearRowsError where DuckDB gives up, since lines end in different ways, or a quote hides an end."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        if "state machine reached an invalid state" not in str(error):
            raise
        raise unclear_ends() from None


def unclear_ends() -> UnclearRowsError:
    """What is said of a file whose lines do not end alike, or where a quote hides their ends."""
    return UnclearRowsError(
        "nobody can tell where rows begin: lines end in different ways (CRLF and LF), or a quote hides their ends",
        "end every line in the same way, double each quote within quoted text, and put the file in its place again",
    )


def header_of(line: str, dialect: Dialect) -> list[str]:
    """The names in the first line. Raises UnreadableFileError when its quotes are not as they should be."""
    try:
        names = next(csv.reader([line], **dialect.of_python()), [])
        return [name.strip() for name in names] if dialect.trim else names
    except csv.Error as error:
        raise UnreadableFileError(
            f"the header cannot be read, nor the rows below it: {error}",
            "write the names of the columns in one line, without quotes or each wholly quoted; or leave its lines out"
            " by `skip` of `csv`, and name the columns by `header`",
        ) from None
