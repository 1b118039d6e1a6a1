"""Counts the records of a file as an editor does, with those that DuckDB sets aside. What they say is not read here."""

# ruff: noqa: S608 - DuckDB takes no parameters for names of tables; numbers are our own

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from flybill_pipeline.stores.usage.intake.line_ends import require_one_end
from flybill_pipeline.stores.usage.intake.reading import Reading
from flybill_pipeline.stores.usage.intake.record_lines import RecordLines, lines_in, lines_of_records
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import one_kind_of_lines, require_whole_records


def numbered_rows(
    connection: duckdb.DuckDBPyConnection, how: Reading, location: Path, source: SourceMapping
) -> tuple[str, str]:
    """A FROM item for the records of the file, and SQL for a record's number in it, as an editor counts.

    Where the format does not tell a record's place it is kept in a table first, which numbers it: as it is, since that
    is cheap, and so that two threads can take it apart. Rows that the reader rejected count too, and so do blank lines,
    comments and lines within a text. Raises UnreadableFileError where rejected rows hide others.
    """
    if how.rows.placed:
        return how.rows.relation, f"place + {how.rows.first_row}"
    with one_kind_of_lines():
        connection.execute(f"create temp table landed as select * from {how.rows.relation}")
    first = how.rows.first_row + how.above
    rejects = _all(connection, "select line from rejects") if has_rejects(connection) else []
    aside = {line for (line,) in rejects}
    told = _lines(connection, how, location, source, aside) if how.rows.quoted else None
    if aside:
        _tell_rejects(connection, told.set_aside if told else {}, how.above)
        if how.rows.quoted:
            require_whole_records(connection)
            require_one_end(location, source.dialect)
    if told:
        first, shifts = how.rows.first_row, _listed(connection, "told_shifts", told.shifts)
    elif aside:
        shifts = f"""(select first - row_number() over (order by first) + 1 as one,
            row_number() over (order by first) as other
            from (select distinct line::bigint - {first} as first from rejects))"""
    else:
        return "(select *, rowid as place from landed)", f"place + {first}"
    connection.execute(
        f"create temp table shifts as select one as after, max(other) as shift from {shifts} group by one"
    )
    # Asked for each row, which shift is the last one, would take as long as the product of both: hours for a million.
    rows = "(select landed.*, landed.rowid as place, shift from landed asof left join shifts on landed.rowid >= after)"
    return rows, f"(place + {first} + coalesce(shift, 0))"


def _lines(
    connection: duckdb.DuckDBPyConnection, how: Reading, location: Path, source: SourceMapping, aside: set[int]
) -> RecordLines | None:
    """The lines of the records of a CSV file; None where each is in the next one, or nobody can tell.

    `aside` are the rows that DuckDB could not take apart, by its number.
    """
    read, header = _all(connection, "select count(*) from landed")[0][0], not source.dialect.header
    between = any(line > 1 for line, _ in how.gaps)
    if not between and lines_in(location) == read + len(aside) + header:
        return None
    alone = how.rows.not_a_row != "false"
    try:
        told = lines_of_records(location, source.dialect, how.gaps, read, aside, blank_is_one=alone)
    except (csv.Error, UnicodeError):
        return None
    return told if (told.read, len(told.set_aside)) == (read, len(aside)) else None


def _tell_rejects(connection: duckdb.DuckDBPyConnection, lines: Mapping[int, int], above: int) -> None:
    """Has each rejected row tell its line in the file, which is not always what DuckDB counts."""
    if not lines:
        connection.execute(f"update rejects set line = line + {above}")
        return
    told = _listed(connection, "told_lines", list(lines.items()))
    connection.execute(f"update rejects set line = told.other from {told} told where line = told.one")


def _listed(connection: duckdb.DuckDBPyConnection, name: str, pairs: Sequence[tuple[int, int]]) -> str:
    """A table of pairs of numbers, `one` and `other`. As a text they would take seconds for each 100,000."""
    numbers = [[pair[place] for pair in pairs] for place in (0, 1)]
    listed = "select unnest(?::bigint[]) as one, unnest(?::bigint[]) as other"
    connection.execute(f"create temp table {name} as {listed}", numbers)
    return name


def _all(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[int, ...]]:
    return connection.execute(query).fetchall()


def has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the format's own reader has set rows aside, in the table `rejects`."""
    try:
        return bool(connection.execute("select 1 from rejects limit 1").fetchall())
    except duckdb.CatalogException:  # of a format whose reader sets none aside
        return False
