"""How DuckDB reads a usage file of each format, by its source mapping. What makes a row good is in judging.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.sources import Column, SourceMapping
from flybill_pipeline.stores.usage.intake.values import QUANTITY, exact_json_number, exact_json_text, json_path

LONGEST_LINE = 16 * 1024 * 1024
_SEPARATOR = "chr(31)"


class UnreadableFileError(Exception):
    """The file does not fit its source mapping. `remedy` says what a person can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as SQL: each part of a usage event is an expression over `relation`, a VARCHAR unless said otherwise.

    `relation` is what costs least to keep: the columns as they are, or lines, from which `taken_out` (a select list)
    takes what the expressions need. `quantity` is a decimal already when `exact`, `occurred_at` a timestamp when
    `timed`. `raw` shows a row to a person. `not_a_row` is true of the relation's blank lines, `malformed` of records
    without columns. `first_row` is the number of the first record: 1, or 2 below a CSV file's header.
    Where the format tells a record's place in the file, from 0, it is `placed`: the relation's column `place`.
    """

    relation: str
    event_id: str
    org_id: str
    meter: str
    quantity: str
    occurred_at: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    taken_out: str = "*"
    raw: str = "null"
    exact: bool = False
    timed: bool = False
    not_a_row: str = "false"
    malformed: str = "false"
    first_row: int = 1
    placed: bool = False


def reading(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    """How to read the file at `location`. Raises UnreadableFileError or duckdb.Error when it cannot be read."""
    readers = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
    return readers[source.format](duck, location, source)


def lines_of(location: str, encoding: str = "utf-8") -> str:
    """A FROM item with the lines of a text file, as they are: `line`, NULL when it is blank."""
    return (
        f"read_csv({quoted(location)}, auto_detect = false, header = false, columns = {{'line': 'VARCHAR'}}, "
        f"delim = '\x01', quote = '', escape = '', strict_mode = false, max_line_size = {LONGEST_LINE}, "
        f"encoding = {quoted(encoding)}, {_REJECTS})"
    )


_REJECTS = "ignore_errors = true, store_rejects = true, rejects_table = 'rejects', rejects_scan = 'rejects_scan'"


def _jsonl(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    names = source.column_names()
    paths = ", ".join(quoted(json_path(name)) for name in names)
    position = {name: f"v[{place}]" for place, name in enumerate(names, start=1)}
    text = _texts(source, position.__getitem__)

    def exact(column: Column, how: Callable[[str, str, str], str]) -> str:
        return text(column) if column.name is None else how("line", text(column), column.name)

    return Reading(
        relation=lines_of(location),
        taken_out=f"*, try(json_extract_string(line, [{paths}])) as v",
        event_id=_event_id(source, lambda column: exact(column, exact_json_text)),
        org_id=exact(source.org_id, exact_json_text),
        meter=text(source.meter),
        quantity=exact(source.quantity, exact_json_number),
        occurred_at=text(source.occurred_at),
        dimensions={name: text(column) for name, column in source.dimensions.items()},
        raw="line",
        not_a_row="line is null",
        malformed="v is null or not starts_with(ltrim(line), '{')",
    )


def _csv(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    first = duck.execute(f"select line from {lines_of(location, source.encoding)} limit 1").fetchone()
    header = next(csv.reader([(first and first[0]) or ""], delimiter=source.delimiter, quotechar=source.quote), [])
    header = [name.lstrip("\ufeff") for name in header]
    require_columns(source, header)
    # Columns are named by position: a header may repeat a name or differ from another only in case.
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header)))
    quote = quoted(source.quote)
    nulls = ", ".join(quoted(value) for value in ("", *source.null_values))
    relation = (
        f"read_csv({quoted(location)}, auto_detect = false, header = true, columns = {{{columns}}}, "
        f"delim = {quoted(source.delimiter)}, quote = {quote}, escape = {quote}, nullstr = [{nulls}], "
        f"max_line_size = {LONGEST_LINE}, encoding = {quoted(source.encoding)}, {_REJECTS})"
    )
    text = _texts(source, lambda name: f"c{header.index(name)}")
    return _columns(relation, source, text, first_row=2)


def _parquet(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    relation = f"read_parquet({quoted(location)}, hive_partitioning = false)"
    types = {name: kind for name, kind, *_ in duck.execute(f"describe select * from {relation}").fetchall()}
    found = {name: identifier(name) for name in types} | _nested(types, source)
    require_columns(source, list(found))
    kinds = duck.execute(f"describe select {', '.join(found[n] for n in source.column_names())} from {relation}")
    kind_of = dict(zip(source.column_names(), [kind for _, kind, *_ in kinds.fetchall()], strict=True))
    quantity_kind = kind_of.get(source.quantity.name or "", "VARCHAR")
    time_kind = kind_of.get(source.occurred_at.name or "", "VARCHAR")
    exact, timed = _fits(quantity_kind), time_kind.startswith(("TIMESTAMP", "DATE"))
    # The file may name its columns as ours are named, so they are named by position here, as in a CSV file.
    at = {name: f"c{place}" for place, name in enumerate(source.column_names())}
    columns = ", ".join(f"{found[name]} as {column}" for name, column in at.items())
    return _columns(
        f"(select {columns}, file_row_number as place"
        f" from read_parquet({quoted(location)}, hive_partitioning = false, file_row_number = true))",
        source,
        _texts(source, lambda name: f"cast({at[name]} as varchar)"),
        quantity=f"cast({at[source.quantity.name]} as {QUANTITY})" if exact and source.quantity.name else None,
        occurred_at=_utc(at[source.occurred_at.name], time_kind) if timed and source.occurred_at.name else None,
        placed=True,
    )


def _columns(
    relation: str,
    source: SourceMapping,
    text: Callable[[Column], str],
    *,
    quantity: str | None = None,
    occurred_at: str | None = None,
    first_row: int = 1,
    placed: bool = False,
) -> Reading:
    shown = ", ".join(f"{quoted(name)}, {text(Column(name=name))}" for name in source.column_names())
    return Reading(
        relation=relation,
        event_id=_event_id(source, text),
        org_id=text(source.org_id),
        meter=text(source.meter),
        quantity=quantity or text(source.quantity),
        occurred_at=occurred_at or text(source.occurred_at),
        dimensions={name: text(column) for name, column in source.dimensions.items()},
        raw=f"cast(json_object({shown}) as varchar)",
        exact=quantity is not None,
        timed=occurred_at is not None,
        first_row=first_row,
        placed=placed,
    )


def require_columns(source: SourceMapping, names: list[str]) -> None:
    """Raises UnreadableFileError when a file with the columns `names` lacks one that the mapping needs."""
    missing = [name for name in source.column_names() if name not in names]
    if missing:
        raise UnreadableFileError(
            f"the file has no column {', '.join(map(repr, missing))}; its columns are {', '.join(names) or '(none)'}",
            f"correct `columns` or `dimensions` of source {source.name!r} in sources.toml, or export the file again",
        )


def identifier(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _texts(source: SourceMapping, at: Callable[[str], str]) -> Callable[[Column], str]:
    def text(column: Column) -> str:
        if column.name is None:
            return quoted(column.constant or "")
        value = at(column.name)
        if source.null_values and source.format != "csv":  # the CSV reader has seen to it
            nulls = ", ".join(quoted(null) for null in source.null_values)
            value = f"case when {value} in ({nulls}) then null else {value} end"
        return value

    return text


def _event_id(source: SourceMapping, text: Callable[[Column], str]) -> str:
    if len(source.event_id) == 1:
        return text(source.event_id[0])
    # Absent parts are marked, so that (a, absent) and (absent, a) are two events.
    parts = ", ".join(f"coalesce({text(column)}, chr(30))" for column in source.event_id)
    return f"md5(concat_ws({_SEPARATOR}, {parts}))"


def _nested(types: Mapping[str, str], source: SourceMapping) -> dict[str, str]:
    """Fields of structs that the mapping names by a dotted path."""
    dotted = [name for name in source.column_names() if name not in types and name.split(".")[0] in types]
    return {name: ".".join(identifier(part) for part in name.split(".")) for name in dotted if "." in name}


def _fits(kind: str) -> bool:
    """Whether every value of a Parquet column of this type is a quantity without loss."""
    if kind.startswith("DECIMAL("):
        width, scale = (int(part) for part in kind[8:-1].split(","))
        return scale <= 18 and width - scale <= 20
    return kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def _utc(column: str, kind: str) -> str:
    return f"{column} at time zone 'UTC'" if kind == "TIMESTAMP WITH TIME ZONE" else f"cast({column} as timestamp)"
