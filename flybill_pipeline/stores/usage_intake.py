"""Reads one landed file into the lake: good rows to pieces by day, bad rows to quarantine. Deduplicates nothing.

Nothing is visible until the catalog names the pieces; what an interrupted attempt left is overwritten by the next.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import shutil
from datetime import date
from pathlib import Path

import duckdb

from flybill_pipeline.billing.usage_files import Arrival, Broken, Piece, Taken
from flybill_pipeline.stores.compressed import readable
from flybill_pipeline.stores.duck import Limits, duck, quoted
from flybill_pipeline.stores.intake_readers import Reading, UnreadableFileError, reading
from flybill_pipeline.stores.intake_sql import SHOWN, sentences, staging_query
from flybill_pipeline.stores.intake_values import MACROS
from flybill_pipeline.stores.sources import SourceMapping

_PARQUET = "format parquet, compression zstd, compression_level 1"


def take_file(root: Path, arrival: Arrival, source: SourceMapping, limits: Limits, first_day: date) -> Taken | Broken:
    """Reads the landed file once and writes its rows below the lake's `root`. An event's day must
    not be before `first_day`, nor its time after its arrival.

    A file that cannot be read is a value, Broken: it must not stop the others.
    """
    name = f"{arrival.number:010d}-{arrival.version}"
    work = root / "work" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with duck(root / "work" / "spill", limits) as connection, readable(arrival.file.location, work) as location:
            connection.execute(MACROS)
            how = reading(connection, location, source)
            # Rows that know their place are read straight into the pieces; others get it by being staged.
            staged = "table" if how.row is None else "view"
            query = staging_query(how, source, arrival.arrived_at, first_day)
            connection.execute(f"create or replace temp {staged} staged as {query}")
            row = _row_numbers(connection, how)
            written = _write_pieces(connection, work, arrival, row)
            quarantined = _write_quarantine(
                connection, work, arrival, row, sentences(source, arrival.arrived_at, first_day), written
            )
    except UnreadableFileError as error:
        return Broken(str(error), error.remedy)
    except (duckdb.Error, OSError, EOFError) as error:
        return Broken(
            _first_lines(error), "put a good file in its place, or take it away: it is read again as soon as it changes"
        )
    else:
        return _published(root, work, name, written, quarantined)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _row_numbers(connection: duckdb.DuckDBPyConnection, how: Reading) -> str:
    """SQL for the number of a staged row in its file, as an editor counts: rows that the reader rejected count too."""
    if how.row is not None:
        return f"place + {how.first_row}"
    number = f"rowid + {how.first_row}"
    if not _has_rejects(connection):
        return number
    connection.execute(f"""create temp table shifts as
        select first - row_number() over (order by first) + 1 as after, row_number() over (order by first) as shift
        from (select distinct line::bigint - {how.first_row} as first from rejects)""")
    return f"({number} + coalesce((select max(shift) from shifts where after <= staged.rowid), 0))"


def _has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = connection.execute("select 1 from duckdb_tables() where table_name = 'rejects'").fetchall()
    return bool(tables) and bool(connection.execute("select 1 from rejects limit 1").fetchall())


def _write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    arrival: Arrival,
    row: str,
    messages: dict[str, str],
    written: list[tuple[Path, date, int]],
) -> dict[str, int]:
    """Writes the bad rows to one file, and returns how many there are by reason."""
    staged = connection.execute("select count(*) from staged").fetchall()[0][0]
    if staged == sum(rows for *_, rows in written) and not _has_rejects(connection):
        return {}
    bad = f"select {row} as row, fault as reason, raw from staged where fault is not null and fault != 'blank'"
    if _has_rejects(connection):
        malformed = "lower(replace(arg_min(error_type, column_idx)::varchar, ' ', '_'))"
        raw = f"left(any_value(csv_line), {SHOWN})"
        bad += f" union all select line::bigint, 'malformed_' || {malformed}, {raw} from rejects group by 1"
    connection.execute(f"create temp table bad as {bad}")
    counts = connection.execute("select reason, count(*) from bad group by reason order by reason").fetchall()
    if counts:
        cases = " ".join(f"when {quoted(reason)} then {quoted(text)}" for reason, text in messages.items())
        message = f"case reason {cases} else 'the row does not fit the format: ' || replace(reason[11:], '_', ' ') end"
        connection.execute(f"""copy (
            select {arrival.number}::bigint as arrival, {quoted(arrival.file.source)} as source,
                   {quoted(arrival.file.path)} as file, row, reason, {message} as message, raw from bad order by row
        ) to {quoted(str(work / "quarantine.parquet"))} ({_PARQUET})""")
    return dict(counts)


def _write_pieces(
    connection: duckdb.DuckDBPyConnection, work: Path, arrival: Arrival, row: str
) -> list[tuple[Path, date, int]]:
    """Writes the good rows by day of their own time; returns each file with its day and its number of rows."""
    written = connection.execute(f"""copy (
        select event_id, org_id, meter, dimensions, quantity, occurred_at, {row} as row,
               {arrival.number}::bigint as arrival, {quoted(arrival.file.source)} as source,
               date '{arrival.arrived_at:%Y-%m-%d}' as arrived_on, occurred_at::date as day
        from staged where fault is null
    ) to {quoted(str(work / "events"))} ({_PARQUET}, partition_by (day), return_stats)""").fetchall()
    return [(Path(file), date.fromisoformat(Path(file).parent.name[4:]), int(rows)) for file, rows, *_ in written]


def _published(
    root: Path, work: Path, name: str, written: list[tuple[Path, date, int]], quarantined: dict[str, int]
) -> Taken:
    """Moves what was written to where it stays. Same names at every attempt, so an attempt replaces the one before."""
    pieces = []
    for place, (file, day, rows) in enumerate(sorted(written)):
        path = f"events/day={day}/{name}-{place}.parquet"
        _move(file, root / path)
        pieces.append(Piece(day, path, rows))
    quarantine = f"quarantine/{name}.parquet" if quarantined else None
    if quarantine:
        _move(work / "quarantine.parquet", root / quarantine)
    return Taken(tuple(pieces), quarantined, quarantine)


def _move(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    file.replace(to)


def _first_lines(error: Exception) -> str:
    """What DuckDB says, without its page of hints and without the folder in which the file lies."""
    return " ".join(line.strip() for line in str(error).splitlines()[:3] if line.strip())[:500]
