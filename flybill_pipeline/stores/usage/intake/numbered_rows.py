"""Counts the records of a file as an editor does, with those that DuckDB sets aside. What they say is not read here."""

# ruff: noqa: S608 - DuckDB takes no parameters for names of tables; numbers are our own

from pathlib import Path

import duckdb

from flybill_pipeline.stores.usage.intake.line_ends import require_one_end
from flybill_pipeline.stores.usage.intake.reading import Reading
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import one_kind_of_lines, require_whole_records


def numbered_rows(
    connection: duckdb.DuckDBPyConnection, how: Reading, location: Path, source: SourceMapping
) -> tuple[str, str]:
    """A FROM item for the records of the file, and SQL for a record's number in it, as an editor counts.

    Where the format does not tell a record's place it is kept in a table first, which numbers it: as it is, since that
    is cheap, and so that two threads can take it apart. Rows that the reader rejected count too. Raises
    UnreadableFileError where they hide others.
    """
    first = how.rows.first_row + how.above
    if how.rows.placed:
        return how.rows.relation, f"place + {first}"
    with one_kind_of_lines():
        connection.execute(f"create temp table landed as select * from {how.rows.relation}")
    rows, number = "(select *, rowid as place from landed)", f"place + {first}"
    if not has_rejects(connection):
        return rows, number
    connection.execute(f"update rejects set line = line + {how.above}")
    if how.rows.quoted:
        require_whole_records(connection)
        require_one_end(location, source.dialect)
    connection.execute(f"""create temp table shifts as
        select first - row_number() over (order by first) + 1 as after, row_number() over (order by first) as shift
        from (select distinct line::bigint - {first} as first from rejects)""")
    return rows, f"({number} + coalesce((select max(shift) from shifts where after <= place), 0))"


def has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the format's own reader has set rows aside, in the table `rejects`."""
    try:
        return bool(connection.execute("select 1 from rejects limit 1").fetchall())
    except duckdb.CatalogException:  # of a format whose reader sets none aside
        return False
