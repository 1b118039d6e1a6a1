"""Writes the judged rows of a landed file to Parquet, the good ones by day. What is judged, and what stays: take.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from flybill_pipeline.billing.usage.files import Arrival
from flybill_pipeline.stores.files.duck import copied, quoted
from flybill_pipeline.stores.files.parquet_files import SMALL

PARQUET = f"format parquet, {SMALL}"
KEPT_ROWS = range(10_000, 4_000_000)
"""So many rows are kept at hand, and then written. Of fewer that takes longer, and more would fill the memory."""
FEW = 16
"""Days, or faults, that are written one after another: that takes less than to part rows while they are written."""


class Written(NamedTuple):
    """A file of rows that were read: good ones of a `day`, or bad ones with a `fault`."""

    file: Path
    rows: int
    day: date | None
    fault: str | None


class Rows(NamedTuple):
    """The rows of a landed file: SQL for the number of each, about how many there are, and an option of COPY."""

    arrival: Arrival
    row: str
    about: int
    kept: str


def write_judged(connection: duckdb.DuckDBPyConnection, folder: Path, judged: str, rows: Rows) -> list[Written]:
    """Writes every row of the query `judged` below `folder`: good ones by day of their own time, bad ones, of no day,
    by their fault.

    Of a bad row `event_id` holds what it looks like, so that good ones need no column for it.
    """
    columns = f"""coalesce(raw, event_id) as event_id, org_id, meter, dimensions, quantity, occurred_at,
        {rows.row} as row, case when fault is null then occurred_at::date end as day, fault"""
    if rows.about not in KEPT_ROWS:
        return _written_by_day(connection, folder, f"(select {columns} from ({judged}))", rows)
    connection.execute(f"create or replace temp table judged as select {columns} from ({judged})")
    parts = connection.execute("select day, fault, count(*) from judged group by all order by all").fetchall()
    if len(parts) > FEW:
        return _written_by_day(connection, folder, "judged", rows)
    folder.mkdir(parents=True)
    files = (folder / f"{place:02}.parquet" for place in range(len(parts)))
    return [
        _written(connection, Written(file, count, day, fault), rows)
        for file, (day, fault, count) in zip(files, parts, strict=True)
    ]


def _written(connection: duckdb.DuckDBPyConnection, part: Written, rows: Rows) -> Written:
    which = f"day = date '{part.day}'" if part.day else f"fault = {quoted(str(part.fault))}"
    found = f"select {_columns(rows.arrival)} from judged where {which}"
    connection.execute(copied(found, part.file, f"{PARQUET}{rows.kept}"))
    return part


def _written_by_day(connection: duckdb.DuckDBPyConnection, folder: Path, judged: str, rows: Rows) -> list[Written]:
    options = f"{PARQUET}, partition_by (day, fault), return_stats{rows.kept}"
    found = f"select {_columns(rows.arrival)}, day, fault from {judged}"
    written = connection.execute(copied(found, folder, options)).fetchall()
    return [
        Written(Path(file), count, parts["day"] and date.fromisoformat(parts["day"]), parts["fault"])
        for file, count, _, _, _, parts, *_ in written
    ]


def _columns(arrival: Arrival) -> str:
    return f"""event_id, org_id, meter, dimensions, quantity, occurred_at, row, {arrival.number}::bigint as arrival,
        {quoted(arrival.file.source)} as source, date '{arrival.arrived_at:%Y-%m-%d}' as arrived_on"""
