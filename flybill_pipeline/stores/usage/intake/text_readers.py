"""How DuckDB reads usage files of lines: JSON lines and CSV. Parquet is in parquet_reader.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb

from flybill_pipeline.billing.usage.texts import BLANKS
from flybill_pipeline.stores.files import duck
from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.files.long_texts import LONGEST
from flybill_pipeline.stores.files.second_reader import plain_content
from flybill_pipeline.stores.usage.intake.doubled_keys import doubled_keys
from flybill_pipeline.stores.usage.intake.line_model import LONGEST_MODEL, model_of
from flybill_pipeline.stores.usage.intake.named_columns import require_columns
from flybill_pipeline.stores.usage.intake.pointed_keys import require_quotes
from flybill_pipeline.stores.usage.intake.reading import Rows, by_columns, without_nulls
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import header_of
from flybill_pipeline.stores.usage.intake.times import exact_json_time
from flybill_pipeline.stores.usage.intake.values import exact_json_number, exact_json_text, json_path, path_at, path_of
from flybill_pipeline.stores.usage.intake.walking import Node

_REJECTS = "ignore_errors = true, store_rejects = true, rejects_table = 'rejects', rejects_scan = 'rejects_scan'"


def lines_of(location: str) -> str:
    """A FROM item with the lines of a text file, as they are: `line`, NULL when it is blank."""
    return duck.csv_rows(
        location,
        "auto_detect = false, header = false, columns = {'line': 'VARCHAR'}, "
        f"delim = '\x01', quote = '', escape = '', strict_mode = false, max_line_size = {LONGEST}, "
        f"{_REJECTS}",
    )


def jsonl(_: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Rows:
    """How to read a file with a JSON object in each line."""
    lines = lines_of(location)
    names = source.column_names()
    paths = ", ".join(quoted(json_path(name)) for name in names)
    text = without_nulls(source, {name: f"v[{place}]" for place, name in enumerate(names, start=1)}.__getitem__)
    first = _model_line(Path(location))
    with suppress(ValueError, RecursionError):  # what is none, or longer, is read without
        require_quotes(Node(json.loads(first)), names)
    return Rows(
        relation=lines,
        text=text,
        identity=lambda name: exact_json_text("line", text(name), name),
        number=lambda name: exact_json_number("line", text(name), name),
        moment=lambda name: exact_json_time("line", text(name), name),
        taken_out=f"*, try(json_extract_string(line, [{paths}])) as v",
        raw="line",
        not_a_row="line is null",
        malformed="v is null or not starts_with(ltrim(line), '{')",
        doubled=doubled_keys("line", names, first),
        quick=_like_first(lines, source, first),
    )


def _like_first(lines: str, source: SourceMapping, first: str) -> Rows | None:
    """The lines that have the keys of the first one, with the texts of all their values."""
    model = model_of(first, [path_of(name) for name in source.column_names()])
    if model is None:
        return None
    at = {path: f"v[{place}]" for place, path in enumerate(model.paths, start=1)}
    text = without_nulls(source, lambda name: at[path_of(name)])
    names, bare = source.column_names(), {model.paths[place] for place in model.bare}
    number = source.parts[0].quantity.name
    paths = ", ".join(quoted(path_at(keys)) for keys in model.paths)
    return Rows(
        lines,
        text=text,
        identity=text,
        number=text,
        moment=text,
        taken_out=f"*, try(json_extract_string(line, [{paths}])) as v",
        not_a_row="line is null",
        sure=model.is_line("line", at.__getitem__, path_of(number) if number else None),
        clean=[name for name in names if path_of(name) not in bare],
        numbers=[name for name in names if path_of(name) in bare],
    )


def _model_line(file: Path) -> str:
    """The first line of a file, as far as it can serve as a model of the others."""
    with plain_content(file) as content:
        begins: bytes = content.read(LONGEST_MODEL)
    return begins.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")


def _first_line(connection: duckdb.DuckDBPyConnection, lines: str) -> str:
    """The first of `lines`; empty where there is none, or where it is blank."""
    first = connection.execute(f"select line from {lines} limit 1").fetchone()
    return (first and first[0]) or ""


def csv_rows(connection: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Rows:
    """How to read a plain CSV file, which has a header or is given one. Raises UnreadableFileError or duckdb.Error."""
    dialect = source.dialect
    header = list(dialect.header) or header_of(_first_line(connection, lines_of(location)), dialect)
    header = [name.lstrip("\ufeff") for name in header]
    if not header:  # a file of nothing, as an exporter writes it for an hour without usage
        return _no_rows(source)
    require_columns(source, header)
    # Columns are named by position: names may differ only in case, and those that nobody reads may be the same.
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
    quote = quoted(dialect.quotes)
    alone = len(header) == 1
    # A blank line is no row. DuckDB makes one of it where there is one column: it is the only one that is NULL then.
    nulls = ", ".join(quoted(value) for value in ("", *(() if alone else source.null_values)))
    relation = duck.csv_rows(
        location,
        f"auto_detect = false, header = {not dialect.header}, columns = {{{columns}}}, "
        f"delim = {quoted(dialect.delimiter)}, quote = {quote}, escape = {quote}, nullstr = [{nulls}], "
        f"null_padding = {dialect.null_padding}, max_line_size = {LONGEST}, {_REJECTS}",
    )
    rows = by_columns(relation, source, _values(source, header))
    rows = replace(rows, not_a_row="c0 is null") if alone else rows
    return replace(rows, first_row=1 if dialect.header else 2, quoted=True, quick=rows)


def _values(source: SourceMapping, header: list[str]) -> Callable[[str], str]:
    """SQL for a column's text, by its name, as far as DuckDB has not seen to blanks and to texts that mean "absent"."""

    def plain(name: str) -> str:
        return f"c{header.index(name)}"

    def trimmed(name: str) -> str:
        return f"nullif(trim({plain(name)}, {quoted(BLANKS)}), '')"

    if source.dialect.trim:
        return without_nulls(source, trimmed)
    return without_nulls(source, plain) if len(header) == 1 else plain


def _no_rows(source: SourceMapping) -> Rows:
    names = source.column_names()
    nothing = ", ".join(f"null::varchar as c{place}" for place in range(len(names))) or "null"
    return by_columns(f"(select {nothing} where false)", source, lambda name: f"c{names.index(name)}")
