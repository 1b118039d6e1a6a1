"""The columns and fields of a Parquet file by the names that the file gives them.

DuckDB knows no capitals: where two names differ in those only, or in nothing, it puts a number behind the later one.
How values are read does not belong here.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import duckdb

from flybill_pipeline.stores.files.duck import parquet_rows, parquet_schema
from flybill_pipeline.stores.usage.intake.named_columns import doubled_name


class Field(NamedTuple):
    """A column, or a field of a struct. `known_as` and `kind` are DuckDB's; `digits` are of a decimal, else 0."""

    name: str
    known_as: str
    kind: str
    digits: int
    fields: tuple["Field", ...]

    def widest(self) -> int:
        """The most digits that a decimal in it has."""
        return max([self.digits, *(field.widest() for field in self.fields)])


class _Said(NamedTuple):
    """What the file says of a column or field; of a list or map, how Parquet stores it."""

    name: str
    digits: int
    inner: tuple["_Said", ...]


def fields_of(duck: duckdb.DuckDBPyConnection, location: str) -> tuple[Field, ...]:
    """The columns of the file, in its order. Raises duckdb.Error."""
    rows = duck.execute(f"select name, num_children, precision from {parquet_schema(location)}").fetchall()
    described = duck.sql(f"select * from {parquet_rows([location])}")
    said = _said(iter(rows)).inner
    return _fields(said, zip(described.columns, described.types, strict=True))


def identifier(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Place(NamedTuple):
    """Where the values of a name are: SQL, the column, and the field of it, or the one in which a map's entry lies."""

    sql: str
    column: Field | None
    field: Field | None


def columns_of(fields: Iterable[Field]) -> dict[str, Place]:
    """The columns by name. DuckDB's own names are among them, as a mapping may have been written after those."""
    places = [(field, Place(identifier(field.known_as), field, field)) for field in fields]
    return {field.known_as: place for field, place in places} | {field.name: place for field, place in places}


def field_at(path: str, fields: tuple[Field, ...]) -> Place:
    """A field by its dotted path. Raises UnreadableFileError where a name of the path stands twice."""
    known: list[str] = []
    column: Field | None = None
    lies_in: Field | None = None
    parts = path.split(".")
    for place, part in enumerate(parts, start=1):
        alike = [field for field in fields if field.name == part]
        if len(alike) > 1:
            raise doubled_name("column" if place == 1 else "field", ".".join(parts[:place]))
        lies_in = alike[0] if alike else lies_in
        column = column or lies_in
        known.append(alike[0].known_as if alike else part)
        fields = alike[0].fields if alike else ()
    return Place(".".join(map(identifier, known)), column, lies_in)


def _said(rows: Iterator[tuple[Any, ...]]) -> _Said:
    """The next of the rows, with those that are in it: they follow it."""
    name, count, digits = next(rows)
    return _Said(str(name), digits or 0, tuple(_said(rows) for _ in range(count or 0)))


def _fields(said: tuple[_Said, ...], known: Iterable[tuple[str, Any]]) -> tuple[Field, ...]:
    return tuple(
        Field(each.name, name, str(kind), each.digits, _inner(each, kind))
        for each, (name, kind) in zip(said, known, strict=True)
    )


def _inner(said: _Said, kind: Any) -> tuple[Field, ...]:
    """The fields of a struct; of a list or a map, which no path leads into, what Parquet stores it as."""
    known = kind.children if kind is not None and kind.id == "struct" else []
    if len(known) != len(said.inner):
        known = [(each.name, None) for each in said.inner]
    return _fields(said.inner, known)
