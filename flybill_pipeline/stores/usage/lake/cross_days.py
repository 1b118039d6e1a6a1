"""Compares ids over all days of the lake. What becomes of a repeated id within one day is in days.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files; paths are our own and quoted

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from flybill_pipeline.billing.usage.files import EventKey
from flybill_pipeline.stores.files.duck import Limits, copied, duck, parquet_rows
from flybill_pipeline.stores.usage.lake.days import IN_TURN, with_turns
from flybill_pipeline.stores.usage.lake.event_keys import KEPT_ID

ROWS_PER_PASS = 30_000_000  # hashes compared at once: bounds the memory, whatever the lake holds


def conflicts_over_days(
    root: Path, pieces: Sequence[str], limits: Limits, turns: Mapping[int, int] | None = None
) -> dict[date, list[EventKey]]:
    """Per day the keys (source, event_id) that count on another day: where they arrived first, or had the last turn.

    64-bit hashes find the few candidates cheaply; only these are compared for real.
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
                connection.execute(
                    f"insert into candidates select h from {share} group by h having min(day) <> max(day)"
                )
        if connection.execute("select 1 from candidates limit 1").fetchone() is None:
            return {}  # as nearly always: no row is read again
        excluded = connection.execute(f"""
            with suspects as (
                select source, event_id, occurred_at::date as day, arrival, row, turn
                from {with_turns(rows, turns or {})}
                where hash(source, event_id) in (select h from candidates)),
            standing as (
                select *, first(day) over (partition by source, event_id order by {IN_TURN}) as stands_on
                from suspects)
            select distinct day, source, {KEPT_ID} from standing where day <> stands_on order by all""").fetchall()
    for day, source, event_id in excluded:
        excluded_on.setdefault(day, []).append(EventKey(source, event_id))
    return excluded_on


@contextmanager
def _shares(connection: DuckDBPyConnection, rows: str, passes: int, work: Path) -> Iterator[list[str]]:
    """FROM items for the hash and day of every row, each with so many of the hashes as are compared at once.

    Rows are read once: their hashes are put down by share in `work`, which is gone afterwards. One process at a time.
    """
    hashed = f"(select hash(source, event_id) as h, occurred_at::date as day from {rows})"
    if passes == 1:
        yield [hashed]
        return
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    work.mkdir(parents=True)
    try:
        put_down = f"select h, day, h % {passes} as share from {hashed}"
        connection.execute(copied(put_down, work, "format parquet, partition_by (share)"))
        yield [parquet_rows(sorted(share.iterdir())) for share in sorted(work.iterdir())]
    finally:
        shutil.rmtree(work, ignore_errors=True)
