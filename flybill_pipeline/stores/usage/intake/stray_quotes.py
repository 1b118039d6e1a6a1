"""Refuses a CSV file in which a quote hides where rows begin: nobody could say how many rows were lost in it."""

import duckdb

from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError

SHOWN_BYTES = 10_000  # as much of a rejected record as DuckDB keeps

_OVER_LINES = """select min(line) from rejects
    where strlen(csv_line) >= ? or regexp_matches(trim(csv_line, chr(13) || chr(10)), '[\\r\\n]')"""


def require_whole_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises UnreadableFileError if a rejected record spans several lines, or is too long to tell.

    Such a record has swallowed the rows after a quote that nobody meant. A rejected record of one line is one row.
    """
    row = connection.execute(_OVER_LINES, [SHOWN_BYTES]).fetchall()[0][0]
    if row is not None:
        raise UnreadableFileError(
            f"a quote in row {row} is not closed as it should be: from there on nobody can tell where rows begin",
            "double each quote within quoted text, or set `quote` of the source in sources.toml, and put the file in"
            " its place again",
        )


def require_closed_header(line: str, quote: str) -> None:
    """Raises UnreadableFileError if the first line opens a quote and does not close it."""
    if quote and line.count(quote) % 2:
        raise UnreadableFileError(
            f"the header opens a quote ({quote}) and does not close it", "write the names of the columns in one line"
        )
