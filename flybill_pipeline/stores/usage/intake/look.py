"""A look into a usage file before it is landed: what of it can be read, and whether its ids tell events apart.

Nothing is stored, and nothing is decided: landing.py refuses.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.judging import (
    LEFT_OUT,
    judging_query,
    sentences,
    set_aside_rows,
    set_aside_words,
)
from flybill_pipeline.stores.usage.intake.nowhere import in_no_row, may_be_absent
from flybill_pipeline.stores.usage.intake.numbered_rows import has_rejects, numbered_rows
from flybill_pipeline.stores.usage.intake.readers import reading
from flybill_pipeline.stores.usage.intake.reading import FileFacts, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

SHOWN_PARTS = ("event_id", "org_id", "meter", "quantity", "dimensions", "occurred_at")


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen: `rows` looked at, `bad` ones among them, `readable` events, and of these what has an earlier id.
    A row may tell of several events.

    `repeats` have its content too, `conflicts` another one. `first_event` has its parts as texts; `first_fault` says
    row and reason of the first row that cannot be read. Rows that are no usage are `left_out`. `refused` are the first
    rows that cannot be read: their number, reason, sentence and text. `nowhere` are values of the mapping that no row
    has, so that they may be misspelt: each in words.
    """

    rows: int
    readable: int
    repeats: int
    conflicts: int
    first_event: Mapping[str, str] | None
    first_fault: str | None
    left_out: int = 0
    refused: Sequence[tuple[int, str, str, str | None]] = ()
    bad: int = 0
    nowhere: Sequence[str] = ()


def look_into(
    connection: duckdb.DuckDBPyConnection,
    given: tuple[str, FileFacts],
    source: SourceMapping,
    now: datetime,
    most: int | None,
    first_day: date,
) -> Look:
    """Reads the file's rows, or the first `most`, as intake would; none may be before `first_day`.

    Raises UnreadableFileError or duckdb.Error."""
    how = reading(connection, given[0], source, given[1])
    if most is not None:
        how = replace(how, rows=replace(how.rows, relation=f"(select * from {how.rows.relation} limit {most})"))
    rows, number = numbered_rows(connection, how, Path(given[0]), source)
    if source.format == "jsonl" and not how.rows.placed:
        _require_single_keys(connection)
    judged = judging_query(rows, how, source, now, first_day)
    asked = may_be_absent(source)
    has = [f"({how.rows.text(name)}) is not null as has{place}" for place, name in enumerate(asked)]
    kept = ", ".join([*SHOWN_PARTS, "fault", "raw", f"{number} as row", *has])
    connection.execute(f"create temp table looked as select {kept} from ({judged})")
    rows_there, good, bad, left_out = _one(connection, _COUNTS)
    rejected = has_rejects(connection) and _one(connection, "select count(distinct line) from rejects")[0]
    repeats, conflicts = _one(connection, _SAME_IDS)
    refused = _refused(connection, sentences(source, now, first_day), rejected=bool(rejected))
    return Look(
        rows=rows_there + rejected,
        bad=bad + rejected,
        nowhere=in_no_row(connection, source, asked) if rows_there else (),
        readable=good,
        repeats=repeats,
        conflicts=conflicts,
        first_event=_first_event(connection),
        first_fault=next((f"row {row}: {message}" for row, _, message, _ in refused), None),
        left_out=left_out,
        refused=refused,
    )


CONTENT = "(org_id, meter, dimensions, quantity, occurred_at)"
"""What makes two events with one id the same event."""
REFUSED_SHOWN = 20
_COUNTS = f"""select count(distinct row), count(*) filter (fault is null),
    count(distinct row) filter (fault <> '{LEFT_OUT}'), count(*) filter (fault = '{LEFT_OUT}') from looked"""
_DOUBLED = """select row, list_filter(list_distinct(keys), lambda key: len(list_filter(keys, lambda k: k = key)) > 1)
    from (select rowid + 1 as row, try(json_keys(line)) as keys from landed) where len(keys) > len(list_distinct(keys))
    order by row limit 1"""


def _require_single_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises UnreadableFileError if an object names a key twice, also one that nobody reads: now it can be mended."""
    doubled = connection.execute(_DOUBLED).fetchone()
    if doubled is not None:
        row, keys = doubled
        raise UnreadableFileError(
            f"row {row} has the key {keys[0]!r} more than once, and nobody can tell which one counts",
            "export the file again with each key once",
        )


_SAME_IDS = f"""
    select count(*) filter (content is not distinct from standing), count(*) filter (content is distinct from standing)
    from (select content, row_number() over earlier as place, first(content) over earlier as standing
          from (select event_id, row, {CONTENT} as content
                from looked where fault is null)
          window earlier as (partition by event_id order by row rows between unbounded preceding and current row))
    where place > 1"""


def _first_event(connection: duckdb.DuckDBPyConnection) -> dict[str, str] | None:
    texts = ", ".join(f"{part}::varchar" for part in SHOWN_PARTS)
    row = connection.execute(f"select {texts} from looked where fault is null order by row limit 1").fetchone()
    return None if row is None else dict(zip(SHOWN_PARTS, row, strict=True))


def _refused(
    connection: duckdb.DuckDBPyConnection, messages: Mapping[str, str], *, rejected: bool
) -> list[tuple[int, str, str, str | None]]:
    """The first rows that cannot be read: number, reason, sentence, text."""
    rejects = f"union all {set_aside_rows()}"
    rows = connection.execute(f"""select row, fault, {set_aside_words("fault")}, raw from (
        select distinct row, fault, raw from looked where fault <> {quoted(LEFT_OUT)}
        {rejects if rejected else ""}) order by row limit {REFUSED_SHOWN}""").fetchall()
    return [(row, reason, messages.get(reason, other), raw) for row, reason, other, raw in rows]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    return tuple(connection.execute(query).fetchall()[0])
