"""Puts a shard's totals of some days into one file, so that a page opens four for a month and not thirty-one.

When that is done again, and which file has what: lake/gathered.py.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from datetime import date

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.duck import duck
from flybill_pipeline.stores.files.parquet_files import FOR_ONE_ORG, write_rows
from flybill_pipeline.stores.usage.lake.days import totals_rows
from flybill_pipeline.stores.usage.lake.gathered import Span, spans
from flybill_pipeline.stores.usage.lake.lake import UsageLake

WORTH_BYTES = 1_000_000
"""Days that are smaller together are read as quickly one by one."""
_COLUMNS = "shard, org_id, meter, dimensions, day, quantity, events, corrections, last_event_at"


def gather(lake: UsageLake, month: Month, shard: int, before: date, worth_bytes: int = WORTH_BYTES) -> None:
    """Gathers the shard's totals of the month's days, where all of a span are before that day: later ones may change
    with each hour. What is there already stays.
    """
    for span in spans(lake.catalog.rollups(month.days())):
        if len(span.days) > 1 and span.days[-1] < before:
            lake.guard.require(span.paths, contents=False)
            if sum((lake.root / path).stat().st_size for path in span.paths) >= worth_bytes:
                _gather(lake, span, shard)


def _gather(lake: UsageLake, span: Span, shard: int) -> None:
    path = span.gathered(shard, lake.shards)
    if lake.guard.has(path):
        return
    with lake.catalog.working_on(path):
        if lake.guard.has(path):
            return
        lake.guard.require(span.paths, contents=True)  # whoever asks: it stays
        ((where, value),) = lake.of_shard(shard).items()
        rows = totals_rows(lake.places(span.paths), old=True)
        totals = f"select {_COLUMNS} from {rows} where {where.replace('?', str(value))} order by org_id, meter, day"
        with duck(lake.root, lake.limits) as connection:
            write_rows(connection, totals, lake.root / path, FOR_ONE_ORG)
        lake.guard.keep([path])
