"""Levels that rows tell, as changes of a level: within a day, and what is left of it at the day's end. No months here.

Each day is told as if it began with nothing: the first row of a level adds what it tells, and each further one takes
away what the row before it told. What the last row of a day told is held: it ends where a later day tells of the same
level first, or when it has been held for long enough. So no day depends on another, and a late row measures its own
day again and no other.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from flybill_pipeline.billing.usage.files import LEVELS, Manifest
from flybill_pipeline.stores.files.duck import parquet_said, quoted
from flybill_pipeline.stores.files.literal_names import literal_name
from flybill_pipeline.stores.usage.intake.levels import KEPT_AS, level_columns, levels_of
from flybill_pipeline.stores.usage.lake.days import counted_rows, shard_sql

Query = Callable[[str], Iterable[tuple[Any, ...]]]
"""Asks DuckDB."""

ONE_LEVEL = "partition by org_id, meter, source, series"
HELD = "shard, org_id, meter, dimensions, quantity, last_event_at, source, series, first_at, expires_at"
"""What is held at a day's end. Of what only changes came to, `source` and all after it are NULL.

Else `series` is one level of a source, told from `first_at` on and last at `last_event_at`; it ends at `expires_at`.
"""
_IN_ORDER = "partition by org_id, meter, source, series order by occurred_at, arrival, row, event_id"
_EXPIRY = "occurred_at + to_microseconds(holds)"


def level_changes(root: Path, manifest: Manifest, query: Query) -> str:
    """A query for what changes levels on a day: org_id, meter, dimensions, occurred_at, quantity (of the change),
    recorded (what the event has as its quantity; NULL of what only takes away what was told before).

    Of rows of one instant the last to arrive stands, as the lower line of a log does.
    """
    columns = "org_id, meter, dimensions, occurred_at, quantity"
    ends = f"least(lead(occurred_at) over in_order, {_EXPIRY})"
    return f"""with told as materialized (
            select {columns}, case when lead(occurred_at) over in_order is not null then {ends} end as ends_at
            from ({_told(root, manifest, query)}) window in_order as ({_IN_ORDER}))
        select {columns}, quantity as recorded from ({_changes(root, manifest)})
        union all select {columns}, quantity from told
        union all select org_id, meter, dimensions, ends_at, -quantity, null from told where ends_at is not null"""


def levels_held(root: Path, manifest: Manifest, shards: int, query: Query, of_meters: str) -> str:
    """A query for what is held at a day's end, in the columns of HELD; `of_meters` is a condition."""
    nothing = (
        "null::varchar as source, null::varchar as series, null::timestamp as first_at, null::timestamp as expires_at"
    )
    changes = f"""select org_id, meter, dimensions, sum(quantity)::decimal(38, 18) as quantity,
            max(occurred_at) as last_event_at, {nothing}
        from ({_changes(root, manifest)}) where {of_meters} group by org_id, meter, dimensions"""
    told = f"""select org_id, meter, dimensions, quantity, occurred_at, source, series,
            first(occurred_at) over in_order, {_EXPIRY}
        from ({_told(root, manifest, query)}) where {of_meters} window in_order as ({_IN_ORDER})
        qualify lead(occurred_at) over in_order is null"""
    return f"select {shard_sql(shards)} as shard, * from ({changes} union all {told}) order by shard, org_id"


def telling_sources(root: Path, manifest: Manifest, shards: int) -> str:
    """A query for who told levels on a day: shard, org_id, meter, source."""
    telling = replace(manifest, pieces=tuple(each for each in manifest.pieces if LEVELS in each))
    return f"""select distinct {shard_sql(shards)} as shard, org_id, meter, source
               from ({counted_rows(root, telling)}) order by all"""


def ended_query(held: str, condition: str, end: date) -> str:
    """A query for the levels that ended before the day `end`: org_id, meter, dimensions, when, what was held, and when
    that had been told last. `held` is a FROM item in the columns of HELD, without what only changes came to.
    """
    return f"""select org_id, meter, dimensions, ended_at, quantity, last_event_at
        from (select *, least(expires_at, lead(first_at) over ({ONE_LEVEL} order by last_event_at)) as ended_at
              from {held} where {condition})
        where ended_at < timestamp '{end}' and quantity <> 0 order by all"""


def _changes(root: Path, manifest: Manifest) -> str:
    return counted_rows(root, replace(manifest, pieces=tuple(each for each in manifest.pieces if LEVELS not in each)))


def _told(root: Path, manifest: Manifest, query: Query) -> str:
    """A query for the events that tell levels, each with the level that it tells of and for how long that holds."""
    said: dict[str, list[str]] = {}
    for piece, text in _said([each for each in manifest.pieces if LEVELS in each], root, query):
        said.setdefault(text, []).append(piece)
    parts = {text: replace(manifest, pieces=tuple(pieces)) for text, pieces in said.items()}
    events = [(text, counted_rows(root, part, named=True)) for text, part in parts.items()]
    return " union all ".join(f"select *, {level_columns(levels_of(text))} from ({rows})" for text, rows in events)


def _said(pieces: Sequence[str], root: Path, query: Query) -> Iterable[tuple[str, str]]:
    """Each piece with what it keeps of its levels."""
    names = {literal_name(root / piece): piece for piece in pieces}
    files = parquet_said([root / piece for piece in pieces])
    for name, text in query(f"select file_name, decode(value) from {files} where decode(key) = {quoted(KEPT_AS)}"):
        yield names[name], text
