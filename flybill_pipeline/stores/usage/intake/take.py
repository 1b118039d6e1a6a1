"""Reads one landed file into the lake: good rows to pieces by day, bad rows to quarantine. Deduplicates nothing.

Nothing is visible until the catalog names the pieces; what an interrupted attempt left is overwritten by the next.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import shutil
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from flybill_pipeline.billing.usage.files import ALIASED, LEVELS, Arrival, Broken, NotRead, Piece, Taken
from flybill_pipeline.stores.files.duck import Limits, copied, duck, parquet_rows, quoted
from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.files.second_reader import fault_of, fault_of_packing
from flybill_pipeline.stores.usage.intake.fetched import on_disk
from flybill_pipeline.stores.usage.intake.judging import (
    LEFT_OUT,
    MACROS,
    judging_query,
    sentences,
    set_aside_rows,
    set_aside_words,
)
from flybill_pipeline.stores.usage.intake.kinds import explained, require_kind
from flybill_pipeline.stores.usage.intake.levels import kept_levels
from flybill_pipeline.stores.usage.intake.numbered_rows import has_rejects, numbered_rows
from flybill_pipeline.stores.usage.intake.quick import LOOK_CLOSER, SAMPLE, quick_query, worth_it
from flybill_pipeline.stores.usage.intake.readers import Repair, prepared, reading, repaired
from flybill_pipeline.stores.usage.intake.reading import Reading, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.writing import PARQUET, Rows, Written, write_judged

MANY = 100_000  # rows which are not all read again for the sake of a few
TRIED = 250_000  # rows of which some are tried first: that takes as long as to read ten thousand of them


AGAIN = "put a good file in its place, or take it away: it is read again as soon as it changes"


def take_file(
    root: Path, arrival: Arrival, source: SourceMapping, limits: Limits, first_day: date
) -> Taken | Broken | NotRead:
    """Reads the landed file once and writes its rows below the lake's `root`. An event's day must
    not be before `first_day`, nor its time after its arrival.

    A file that can never be read is a value, Broken, and one that was not read this time another, NotRead: neither
    must stop the others. It is Broken only when a second reader, which shares nothing with DuckDB, cannot read it
    either: a full disk may look to DuckDB like bad input.
    """
    try:
        with on_disk(arrival, root / "work") as here:
            return _taken(root, here, source, limits, first_day)
    except (ObjectsError, OSError) as error:  # it was not fetched, and nothing shows that it is a bad file
        return NotRead(str(error))


def _taken(
    root: Path, arrival: Arrival, source: SourceMapping, limits: Limits, first_day: date
) -> Taken | Broken | NotRead:
    file = arrival.file
    if file.elsewhere:
        return Broken(
            "the file is not in the landing zone: a link leads to another place", "put the file itself in its place"
        )
    try:
        limits = replace(limits, reads=limits.reads or (Path(file.location),))
        packing = fault_of_packing(Path(file.location))
        if packing is not None:
            return Broken(packing, AGAIN)
        return repaired(lambda repair: _read(root, arrival, source, limits, first_day, repair), source)
    except UnreadableFileError as error:
        told = explained(error, Path(file.location), source)
        return Broken(str(told), told.remedy)
    except Exception as error:  # whatever it is, it is about this file: the others of the run are read
        return proven(Path(file.location), source, error)


def proven(file: Path, source: SourceMapping, error: Exception) -> Broken | NotRead:
    """Broken if a second reader says so; if that one is short of something too, nothing is proven."""
    try:
        fault = fault_of(file, source.format, columns=source.column_names(), encoding=source.dialect.encoding)
    except Exception as other:
        return NotRead(f"{_first_lines(error)} ({_first_lines(other)})")
    if fault is None:
        return NotRead(_first_lines(error))
    told = explained(UnreadableFileError(fault, AGAIN), file, source)
    return Broken(str(told), told.remedy)


def _read(
    root: Path,
    arrival: Arrival,
    source: SourceMapping,
    limits: Limits,
    first_day: date,
    repair: Repair,
) -> Taken:
    """Raises UnreadableFileError when the file does not fit its mapping, and whatever else reading may raise."""
    name = f"{arrival.number:010d}-{arrival.version}"
    work = root / "work" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with (
            duck(root, limits, MACROS) as connection,
            prepared(arrival.file.location, arrival.file.path, source, work, repair) as (location, facts),
        ):
            how = reading(connection, location, source, facts)
            rows, row = numbered_rows(connection, how, Path(location), source)
            records = _one(connection, f"select count(*) from {rows} where not ({how.rows.not_a_row})")
            written = _judged(connection, work, arrival, _FileRows(how, rows, row, records), source, first_day)
            messages = sentences(source, arrival.arrived_at, first_day)
            told, aside = _told(connection, how, written), _set_aside(connection)
            quarantined = _write_quarantine(connection, work, arrival, messages, written, aside)
        if quarantined:
            found = any(part.fault in (None, LEFT_OUT) for part in written)
            bad = sum(quarantined.values())  # a row of several meters may have several faults
            require_kind(Path(arrival.file.location), source, max(1, records + aside - bad) if found else 0)
        left_out = sum(part.rows for part in written if part.fault == LEFT_OUT)
        taken = _published((root, work), (name, _ending(source)), written, quarantined)
        return replace(taken, left_out=left_out, records=records + aside, told=told + aside)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _ending(source: SourceMapping) -> str:
    """How the names of the source's pieces end, which say how their events are to be read."""
    ending = ALIASED if source.aliased else ".parquet"
    return ending if source.levels is None else LEVELS + ending.removeprefix(".")


def _told(connection: duckdb.DuckDBPyConnection, how: Reading, written: list[Written]) -> int:
    """How many records that the reader took apart became something: one that tells of several events is one."""
    if how.simple or not written:
        return sum(part.rows for part in written)
    query = f"select count(distinct row) from {parquet_rows([str(part.file) for part in written])}"
    return _one(connection, query)


def _set_aside(connection: duckdb.DuckDBPyConnection) -> int:
    """The records that the format's own reader could not take apart."""
    return _one(connection, "select count(distinct line) from rejects") if has_rejects(connection) else 0


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])


class _FileRows(NamedTuple):
    """The rows of a file: how they are read, a FROM item, SQL for the number of each, and how many there are."""

    how: Reading
    rows: str
    row: str
    records: int


def _judged(
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    arrival: Arrival,
    found: _FileRows,
    source: SourceMapping,
    first_day: date,
) -> list[Written]:
    """Writes what becomes of the rows of a file.

    Nearly all of them can be read quickly; the others are judged in full. Of a small file all are then, so that it
    stays one piece a day.
    """
    how, rows, row, records = found
    given = (how, source, arrival.arrived_at, first_day)
    events = Rows(arrival, row, records * len(how.parts), kept_levels(source.levels))
    write = partial(write_judged, connection, rows=events)
    tried = quick_query(f"(from {rows} limit {SAMPLE})", *given)
    if tried is None or (records > TRIED and not worth_it(connection, tried)):
        return write(folder=work / "events", judged=judging_query(rows, *given))
    written = write(folder=work / "quick", judged=quick_query(rows, *given) or "")
    closer = [str(part.file) for part in written if part.fault == LOOK_CLOSER]
    if closer and records <= MANY:
        return write(folder=work / "events", judged=judging_query(rows, *given))
    if closer:
        left = f"(from {rows} where {row} in (select row from {parquet_rows(closer)}))"
        written += write(folder=work / "closer", judged=judging_query(left, *given))
    return [part for part in written if part.fault != LOOK_CLOSER]


def _write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    arrival: Arrival,
    messages: dict[str, str],
    written: list[Written],
    aside: int,
) -> dict[str, int]:
    """Gathers the bad rows in one file, those that were set `aside` too; returns how many there are by reason.

    A row that tells of several events is named once for each reason, not for each event.
    """
    parts = [
        f"""select distinct row, {quoted(str(part.fault))} as reason, event_id as raw
            from {parquet_rows([str(part.file)])}"""
        for part in written
        if part.fault not in (None, LEFT_OUT)
    ]
    if aside:
        parts.append(set_aside_rows())
    if not parts:
        return {}
    connection.execute(f"create temp table bad as {' union all '.join(parts)}")
    cases = " ".join(f"when {quoted(reason)} then {quoted(text)}" for reason, text in messages.items())
    message = f"case reason {cases} else {set_aside_words('reason')} end"
    rows = f"""
        select {arrival.number}::bigint as arrival, {quoted(arrival.file.source)} as source,
               {quoted(arrival.file.path)} as file, row, reason, {message} as message, raw from bad order by row"""
    connection.execute(copied(rows, work / "quarantine.parquet", PARQUET))
    return dict(connection.execute("select reason, count(*) from bad group by reason order by reason").fetchall())


def _published(
    folders: tuple[Path, Path], named: tuple[str, str], written: list[Written], quarantined: dict[str, int]
) -> Taken:
    """Moves what was written to where it stays. Same names at every attempt, so an attempt replaces the one before."""
    (root, work), (name, ending), pieces = folders, named, list[Piece]()
    good = sorted((part.file, part.day, part.rows) for part in written if part.day is not None)
    for place, (file, day, rows) in enumerate(good):
        path = f"events/day={day}/{name}-{place}{ending}"
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
    lines = [line.strip() for line in str(error).splitlines()[:3] if line.strip()]
    kind = [] if isinstance(error, duckdb.Error | OSError) else [f"{type(error).__name__}:"]
    return " ".join(kind + lines)[:500]
