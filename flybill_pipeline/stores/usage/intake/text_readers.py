"""How DuckDB reads usage files of lines: JSON lines and CSV. Parquet is in parquet_reader.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Callable
from dataclasses import replace

import duckdb

from flybill_pipeline.stores.files import duck
from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.doubled_keys import doubled_keys
from flybill_pipeline.stores.usage.intake.reading import Reading, by_columns, event_id_of, require_columns, texts_of
from flybill_pipeline.stores.usage.intake.sources import Column, SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import header_of
from flybill_pipeline.stores.usage.intake.times import exact_json_time
from flybill_pipeline.stores.usage.intake.values import exact_json_number, exact_json_text, json_path

LONGEST_LINE = 16 * 1024 * 1024
_REJECTS = "ignore_errors = true, store_rejects = true, rejects_table = 'rejects', rejects_scan = 'rejects_scan'"


def lines_of(location: str, encoding: str = "utf-8") -> str:
    """A FROM item with the lines of a text file, as they are: `line`, NULL when it is blank."""
    return duck.csv_rows(
        location,
        "auto_detect = false, header = false, columns = {'line': 'VARCHAR'}, "
        f"delim = '\x01', quote = '', escape = '', strict_mode = false, max_line_size = {LONGEST_LINE}, "
        f"encoding = {quoted(encoding)}, {_REJECTS}",
    )


def jsonl(connection: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    """How to read a file with a JSON object in each line."""
    lines = lines_of(location)
    names = source.column_names()
    paths = ", ".join(quoted(json_path(name)) for name in names)
    position = {name: f"v[{place}]" for place, name in enumerate(names, start=1)}
    text = texts_of(source, position.__getitem__)

    def exact(column: Column, how: Callable[[str, str, str], str]) -> str:
        return text(column) if column.name is None else how("line", text(column), column.name)

    return Reading(
        relation=lines,
        taken_out=f"*, try(json_extract_string(line, [{paths}])) as v",
        event_id=event_id_of(source, lambda column: exact(column, exact_json_text)),
        org_id=exact(source.org_id, exact_json_text),
        meter=text(source.meter),
        quantity=exact(source.quantity, exact_json_number),
        occurred_at=exact(source.occurred_at, exact_json_time),
        dimensions={name: text(column) for name, column in source.dimensions.items()},
        raw="line",
        not_a_row="line is null",
        malformed="v is null or not starts_with(ltrim(line), '{')",
        doubled=doubled_keys("line", names, _first_line(connection, lines)),
    )


def _first_line(connection: duckdb.DuckDBPyConnection, lines: str) -> str:
    """The first of `lines`; empty where there is none, or where it is blank."""
    first = connection.execute(f"select line from {lines} limit 1").fetchone()
    return (first and first[0]) or ""


def csv_rows(connection: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    """How to read a CSV file, which must have a header. Raises UnreadableFileError or duckdb.Error."""
    header = header_of(_first_line(connection, lines_of(location, source.encoding)), source)
    header = [name.lstrip("\ufeff") for name in header]
    require_columns(source, header)
    # Columns are named by position: names may differ only in case, and those that nobody reads may be the same.
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
    quote = quoted(source.quote)
    nulls = ", ".join(quoted(value) for value in ("", *source.null_values))
    relation = duck.csv_rows(
        location,
        f"auto_detect = false, header = true, columns = {{{columns}}}, "
        f"delim = {quoted(source.delimiter)}, quote = {quote}, escape = {quote}, nullstr = [{nulls}], "
        f"max_line_size = {LONGEST_LINE}, encoding = {quoted(source.encoding)}, {_REJECTS}",
    )
    text = texts_of(source, lambda name: f"c{header.index(name)}")
    return replace(by_columns(relation, source, text), first_row=2, quoted=True)
