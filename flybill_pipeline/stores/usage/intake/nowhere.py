"""What of a mapping no row of a file has, though no row is refused for it: it may be misspelt. Refuses nothing."""

# ruff: noqa: S608 - DuckDB takes no parameters for columns; these are numbered here

from collections.abc import Mapping

import duckdb

from flybill_pipeline.stores.usage.intake.sources import SourceMapping


def may_be_absent(source: SourceMapping) -> dict[str, str]:
    """The columns whose absence from a row is no fault of it, each with what asks for it."""
    parts = source.event_id if source.event_id and len(source.event_id) > 1 else ()
    asked = {name: "event_id" for part in parts for name in part.columns()}
    asked |= {each.column: "where" for each in source.where if each.present is None}
    return asked | dict.fromkeys(source.where_sql.columns() if source.where_sql else (), "where_sql")


def in_no_row(
    connection: duckdb.DuckDBPyConnection, source: SourceMapping, columns: Mapping[str, str]
) -> tuple[str, ...]:
    """Those of `columns`, and the meters and dimensions, that have a value in no row of the table `looked`, in words.

    That has a column `has0`… for each of `columns`. Where no row tells of usage, each says itself why.
    """
    flags = "".join(f", bool_or(has{place})" for place in range(len(columns)))
    good, *has = connection.execute(f"select count(*) filter (fault is null){flags} from looked").fetchall()[0]
    absent = [f"column {name!r} of {asks}" for (name, asks), any_ in zip(columns.items(), has, strict=True) if not any_]
    if good:
        absent += [*_meters(connection, source), *_dimensions(connection, source)]
    return tuple(absent)


def _meters(connection: duckdb.DuckDBPyConnection, source: SourceMapping) -> list[str]:
    """A meter of a row that is refused was there, unless for want of any."""
    rows = "select distinct meter from looked where fault is null or fault not in ('quantity_missing', 'left_out')"
    there = {meter for (meter,) in connection.execute(rows).fetchall()}
    asked: dict[str, list[str]] = {}
    for part in source.measures:
        if part.meter.constant:
            asked.setdefault(part.meter.constant, []).append(part.quantity.described())
    return [f"meter {name!r} ({', '.join(values)})" for name, values in asked.items() if name not in there]


def _dimensions(connection: duckdb.DuckDBPyConnection, source: SourceMapping) -> list[str]:
    keys = "select distinct unnest(json_keys(dimensions)) from looked where fault is null"
    there = {key for (key,) in connection.execute(keys).fetchall()}
    return [
        f"dimension {name!r} ({value.described()})" for name, value in source.dimensions.items() if name not in there
    ]
