"""How DuckDB reads a Parquet usage file: by its types, so that decimals and times keep every digit."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from flybill_pipeline.stores.files.duck import parquet_rows
from flybill_pipeline.stores.files.page_checksums import damaged_page
from flybill_pipeline.stores.files.readable import NO_COLUMNS
from flybill_pipeline.stores.usage.intake.documents import FLAW, column_of
from flybill_pipeline.stores.usage.intake.named_columns import require_columns
from flybill_pipeline.stores.usage.intake.parquet_names import Field, Place, columns_of, field_at, fields_of
from flybill_pipeline.stores.usage.intake.reading import Rows, UnreadableFileError, by_columns, without_nulls
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.times import FIRST_MICROS, LAST_MICROS, parquet_micros
from flybill_pipeline.stores.usage.intake.values import QUANTITY

WIDEST_DECIMAL = 38  # digits
SHOWN_TYPE = 200  # characters
DOUBLES = {"DOUBLE": 2**53, "FLOAT": 2**24}
"""Types in which a number stands for those beside it, and from where on whole numbers do."""
WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def parquet(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Rows:
    """How to read a Parquet file. Raises UnreadableFileError or duckdb.Error."""
    file = parquet_rows([location])
    fields = fields_of(duck, location)
    names = [field.name for field in fields]
    if names == [NO_COLUMNS]:
        return _no_rows(source)
    columns = columns_of(fields)
    nested = _nested(columns, fields, source)
    require_columns(source, [*names, *(name for name in [*columns, *nested] if name not in names)])
    known = columns | nested
    _require_exact(source, known)
    _require_whole(location, source)
    # The file may name its columns as ours are named, so they are named by position here, as in a CSV file.
    at = {name: f"c{place}" for place, name in enumerate(source.column_names())}
    selected = ", ".join(f"{known[name].sql} as {column}" for name, column in at.items())
    _require_fields(duck, file, nested, source)
    described = duck.execute(f"describe select {selected} from {file}").fetchall()
    kinds = {name: kind for name, (_, kind, *_) in zip(at, described, strict=True)}
    _require_text(source, kinds)
    _require_told_apart(duck, f"(select {selected} from {file})", source, {at[name]: kinds[name] for name in at})
    numbered = parquet_rows([location], options="file_row_number = true")
    relation = f"(select {selected}, file_row_number as place from {numbered})"
    rows = by_columns(relation, source, without_nulls(source, lambda name: _text(at[name], kinds[name])))
    several = [name for name, kind in kinds.items() if kind.endswith((")", "]")) and not kind.startswith("DECIMAL")]
    as_json = {name: f"cast(to_json({at[name]}) as varchar)" for name in several}
    # to_json would make doubles of a variant's decimals, which its cast does not.
    as_json |= {name: f"cast(cast({at[name]} as json) as varchar)" for name in kinds if kinds[name] == "VARIANT"}
    exact = {name: f"cast({at[name]} as {QUANTITY})" for name, kind in kinds.items() if _fits(kind)}
    micros = {name: parquet_micros(at[name], kind) for name, kind in kinds.items()}
    if "BLOB" in kinds.values():
        rows = replace(rows, id=without_nulls(source, lambda name: _text(at[name], kinds[name], told=False)))
    rows = replace(rows, json=lambda name: as_json.get(name) or rows.text(name))
    rows = replace(rows, placed=True, exact=exact, micros={name: sql for name, sql in micros.items() if sql})
    return replace(rows, quick=rows)


def _no_rows(source: SourceMapping) -> Rows:
    """A file of nothing, as pandas writes of an hour without usage."""
    names = source.column_names()
    columns = "".join(f"null::varchar as c{place}, " for place in range(len(names)))
    relation = f"(select {columns}0::bigint as place where false)"
    return replace(by_columns(relation, source, lambda name: f"c{names.index(name)}"), placed=True)


def walked(_: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Rows:
    """How to read what documents.py wrote of a file: texts only, and what is wrong with a record that is none."""
    names = source.column_names()
    relation = f"(select *, file_row_number as place from {parquet_rows([location], options='file_row_number = true')})"
    rows = by_columns(relation, source, lambda name: column_of(name, names))
    raw = f"case when {FLAW} is null then {rows.raw} else {FLAW} end"
    rows = replace(rows, raw=raw, malformed=f"{FLAW} is not null", placed=True)
    return replace(rows, quick=rows)


def _require_exact(source: SourceMapping, known: Mapping[str, Place]) -> None:
    """Refuses decimals that would be read as doubles: what they say would be near the truth, and no more."""
    for name in source.column_names():
        field = known[name].field
        if field and (digits := field.widest()) > WIDEST_DECIMAL:
            raise UnreadableFileError(
                f"column {name!r} holds decimals of {digits} digits, which cannot be read exactly",
                f"export it as a decimal of at most {WIDEST_DECIMAL} digits, or as text",
            )


def _require_whole(location: str, source: SourceMapping) -> None:
    """Refuses a file with a page that was altered on its way, where the file says what its pages were."""
    place = damaged_page(Path(location), source.column_names())
    if place is not None:
        raise UnreadableFileError(
            f"the page at byte {place:,} is not what its checksum says: it was damaged after it was written",
            "copy or export the file again, so that the whole one takes its place",
        )


def _require_fields(
    duck: duckdb.DuckDBPyConnection, file: str, fields: Mapping[str, Place], source: SourceMapping
) -> None:
    """Refuses what is no field: of a list, which `json` looks into, or of a struct that has none of that name."""
    for name, field in fields.items():
        try:
            duck.execute(f"describe select {field.sql} from {file}")
        except duckdb.BinderException:
            column, _, rest = name.partition(".")
            kind = field.column.kind if field.column else ""
            raise UnreadableFileError(
                f"column {column!r} has no field {rest!r}: it is {kind[:SHOWN_TYPE]}",
                f"correct it in source {source.name!r}; an element of a list is found by `json` beside `column`, as"
                ' in { column = "labels", json = "[key=org].value" }, and so is a name with points: json = \'"a.b"\'',
            ) from None


def _require_text(source: SourceMapping, kinds: Mapping[str, str]) -> None:
    """Refuses lists and structs of times: DuckDB falls over the text of some, and nobody can mean it as a value."""
    for name, kind in kinds.items():
        if "TIMESTAMP" in kind and kind.endswith((")", "]")):
            raise UnreadableFileError(
                f"column {name!r} holds several times at once ({kind}), which are no value of an event",
                f"name one field of it in `columns` or `dimensions` of source {source.name!r}, such as {name}.at",
            )


def _require_told_apart(
    duck: duckdb.DuckDBPyConnection, rows: str, source: SourceMapping, kinds: Mapping[str, str]
) -> None:
    """Refuses ids that have been through a double: several of them are one there, and only one would count.

    Such are those that pandas writes of a column with a gap in it, and DuckDB of a HUGEINT.
    """
    names, ids = source.column_names(), (*(source.event_id or ()), source.org_id)
    for name in dict.fromkeys(name for column in ids for name in column.columns()):
        column = f"c{names.index(name)}"
        exact = DOUBLES.get(kinds[column])
        query = f"select max(abs({column})) from {rows} where isfinite({column})"
        if exact and (duck.execute(query).fetchall()[0][0] or 0) >= exact:
            raise UnreadableFileError(
                f"column {name!r} holds ids as {kinds[column].lower()}, which keeps only the first digits of such large"
                " numbers: different ids are one there",
                "export it as a whole number or as text: pandas has 'Int64' for numbers with gaps, and DuckDB's HUGEINT"
                " wants ::varchar",
            )


def _text(column: str, kind: str, *, told: bool = True) -> str:
    """SQL for a column's text.

    Impala and others write texts as bytes that are not said to be text. Where they are UTF-8 they are `told` as that;
    ids are not, which might be any bytes.

    DuckDB itself falls over a cast of its earliest times, even of one that only stands in the file's statistics: times
    that no calendar has are shown as microseconds.
    """
    if kind == "TIMESTAMP":
        micros = f"epoch_us({column})"
        of_calendar = f"case when {micros} between {FIRST_MICROS} and {LAST_MICROS} then {micros} end"
        return f"coalesce(cast(make_timestamp({of_calendar}) as varchar), cast({micros} as varchar))"
    if kind == "BLOB" and told:
        decoded = f"try(decode({column}))"
        return f"coalesce(case when not contains({decoded}, chr(0)) then {decoded} end, cast({column} as varchar))"
    return f"cast({column} as varchar)"


def _nested(columns: Mapping[str, Place], fields: tuple[Field, ...], source: SourceMapping) -> dict[str, Place]:
    """Fields of structs that the mapping names by a dotted path."""
    dotted = [name for name in source.column_names() if name not in columns and name.split(".")[0] in columns]
    return {name: field_at(name, fields) for name in dotted if "." in name}


def _fits(kind: str) -> bool:
    """Whether every value of a column of this type is a quantity without loss."""
    if kind.startswith("DECIMAL("):
        width, scale = (int(part) for part in kind[8:-1].split(","))
        return scale <= 18 and width - scale <= 20
    return kind in WHOLE_NUMBERS
