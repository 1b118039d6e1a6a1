"""Puts the totals of some days into one file, so that a page opens a file for a month that is over, and not thirty-one.

When that is done again, and which file has what: lake/gathered.py.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Iterable, Iterator
from datetime import date

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.duck import duck
from flybill_pipeline.stores.files.parquet_files import FOR_ONE_ORG, write_rows
from flybill_pipeline.stores.usage.lake.days import totals_rows
from flybill_pipeline.stores.usage.lake.gathered import Span, spans
from flybill_pipeline.stores.usage.lake.lake import UsageLake

OWN_FILE_BYTES = 1_000_000
"""Of days that are smaller together one file has all shards: it is read as quickly, and is made but once."""
_COLUMNS = "shard, org_id, meter, dimensions, day, quantity, events, corrections, last_event_at"


def gather(lake: UsageLake, month: Month, shard: int, before: date, own_file_bytes: int = OWN_FILE_BYTES) -> None:
    """Gathers the shard's totals of the month's days, where all days of a span are before that day: later ones may
    change with each hour. What is there already stays.
    """
    for span in _over(spans(lake.catalog.rollups(month.days())), before):
        lake.guard.require(span.paths, contents=False)
        small = sum((lake.root / path).stat().st_size for path in span.paths) < own_file_bytes
        _gather(lake, span, None if small else shard)


def _over(found: Iterable[Span], before: date) -> Iterator[Span]:
    """The largest spans that are over before a day, and have several days."""
    for span in found:
        if span.last_day >= before:
            yield from _over(span.parts(), before)
        elif len(span.days) > 1:
            yield span


def _gather(lake: UsageLake, span: Span, shard: int | None) -> None:
    path = span.gathered(shard, lake.shards)
    if lake.guard.has(path):
        return
    with lake.catalog.working_on(path):
        if lake.guard.has(path):
            return
        lake.guard.require(span.paths, contents=True)  # whoever asks: it stays
        where = " and ".join(each.replace("?", str(value)) for each, value in lake.of_shard(shard).items()) or "true"
        rows = totals_rows(lake.places(span.paths), old=True)
        totals = f"select {_COLUMNS} from {rows} where {where} order by shard, org_id, meter, day"
        with duck(lake.root, lake.limits) as connection:
            write_rows(connection, totals, lake.root / path, FOR_ONE_ORG)
        lake.guard.keep([path])
