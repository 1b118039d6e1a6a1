"""Compares ids over all days of the lake. What becomes of a repeated id within one day is in repeats.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files; paths are our own and quoted

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from flybill_pipeline.billing.usage.files import EventKey
from flybill_pipeline.stores.files.duck import Limits, copied, duck, parquet_rows
from flybill_pipeline.stores.usage.lake.event_keys import KEPT_ID
from flybill_pipeline.stores.usage.lake.repeats import IN_TURN, with_turns

ROWS_PER_PASS = 30_000_000  # hashes compared at once: bounds the memory, whatever the lake holds
DAY_BITS = 15  # tell the days of 89 years apart
_OF_DAY = 2**DAY_BITS - 1
_HASH = f"(hash(source, event_id) >> {DAY_BITS})"
_MARK = f"({_HASH} << {DAY_BITS} | ((occurred_at::date - date '1970-01-01') & {_OF_DAY})::ubigint)"
"""SQL: a number that begins with the hash of a row's id and ends with its day. Sorted, an id's days stand together."""


def conflicts_over_days(
    root: Path, pieces: Sequence[str], limits: Limits, turns: Mapping[int, int] | None = None
) -> dict[date, list[EventKey]]:
    """Per day the keys (source, event_id) that count on another day: where they arrived first, or had the last turn.

    Hashes find the few candidates cheaply; only these are compared for real.
    """
    if not pieces:
        return {}
    rows = parquet_rows([str(root / piece) for piece in pieces])
    excluded_on: dict[date, list[EventKey]] = {}
    with duck(root, limits) as connection:
        counted = connection.execute(f"select count(*) from {rows}").fetchone()
        passes = 1 + (counted[0] if counted else 0) // ROWS_PER_PASS
        connection.execute("create temp table candidates (h ubigint)")
        with _shares(connection, rows, passes, root / "work" / "comparison") as shares:
            for share in shares:
                connection.register("found", {"h": _on_several_days(connection, share)})
                connection.execute("insert into candidates from found")
        if connection.execute("select 1 from candidates limit 1").fetchone() is None:
            return {}  # as nearly always: no row is read again
        excluded = connection.execute(f"""
            with suspects as (
                select source, event_id, occurred_at::date as day, arrival, row, turn
                from {with_turns(rows, turns or {})}
                where {_HASH} in (select h from candidates)),
            standing as (
                select *, first(day) over (partition by source, event_id order by {IN_TURN}) as stands_on
                from suspects)
            select distinct day, source, {KEPT_ID} from standing where day <> stands_on order by all""").fetchall()
    for day, source, event_id in excluded:
        excluded_on.setdefault(day, []).append(EventKey(source, event_id))
    return excluded_on


def _on_several_days(connection: DuckDBPyConnection, share: str) -> Any:
    """The hashes of ids that stand on more than one day, as an array of numpy's.

    Sorting numbers in place takes a third of the processor time of DuckDB's GROUP BY, and eight bytes a row.
    """
    marks: Any = connection.execute(f"select mark from {share}").fetchnumpy()["mark"]
    marks.sort()
    hashes = marks >> DAY_BITS
    return hashes[1:][(hashes[1:] == hashes[:-1]) & (marks[1:] != marks[:-1])]


@contextmanager
def _shares(connection: DuckDBPyConnection, rows: str, passes: int, work: Path) -> Iterator[list[str]]:
    """FROM items for the `mark` of every row, each with so many of the hashes as are compared at once.

    Rows are read once: their marks are put down by share in `work`, which is gone afterwards. One process at a time.
    """
    marked = f"(select {_MARK} as mark from {rows})"
    if passes == 1:
        yield [marked]
        return
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    work.mkdir(parents=True)
    try:
        put_down = f"select mark, (mark >> {DAY_BITS}) % {passes} as share from {marked}"
        connection.execute(copied(put_down, work, "format parquet, partition_by (share)"))
        yield [parquet_rows(sorted(share.iterdir())) for share in sorted(work.iterdir())]
    finally:
        shutil.rmtree(work, ignore_errors=True)
