"""A day's measures that sums and counts cannot give: peaks, last values, distinct ones, level changes. Prices nothing.

Which meters need which measure stands in price books. So a day is measured when it is first asked about. The answer is
kept under the version of the day's manifest: a day that did not change is never measured twice.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import hashlib
from collections.abc import Collection
from pathlib import Path

from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.stores.files.duck import Limits, duck, quoted
from flybill_pipeline.stores.files.parquet_files import FOR_ONE_ORG, write_rows
from flybill_pipeline.stores.usage.lake.days import counted_rows, shard_sql, tells_levels
from flybill_pipeline.stores.usage.months.told_levels import level_changes, levels_held, telling_sources

# Level x microseconds has too many digits for a decimal of DuckDB: whole units and 1e-18ths are summed apart.
_LEFT = "(86400000000 - epoch_us(occurred_at) % 86400000000)::hugeint"
_LEVELS = f"""sum(quantity) as value,
        sum(trunc(quantity)::hugeint * {_LEFT})::decimal(38, 0) as whole,
        sum(((quantity - trunc(quantity)) * 1000000000000000000::decimal(19, 0))::hugeint * {_LEFT})::decimal(38, 0)
        as fraction,
        min(so_far) as lowest, sum(hash(occurred_at, quantity)::hugeint)::varchar as trail"""
_NO_LEVELS = """0::decimal(38, 0) as whole, 0::decimal(38, 0) as fraction, 0::decimal(38, 18) as lowest, '' as trail"""
_MEASURES = {
    Aggregation.MAX: f"max(quantity) as value, {_NO_LEVELS}",
    Aggregation.LATEST: f"max({{'at': occurred_at, 'quantity': quantity}}).quantity as value, {_NO_LEVELS}",
    Aggregation.UNIQUE_COUNT: f"quantity as value, {_NO_LEVELS}",
    Aggregation.TIME_WEIGHTED: _LEVELS,
}
# What a level's changes of the day come to at the time of each, whatever else happens at the same instant.
_SO_FAR = """sum(quantity) over (partition by org_id, meter, dimensions order by occurred_at
             range between unbounded preceding and current row) as so_far"""
# Counted up when what is measured changes: what was measured before is measured again.
_FORM, _FORM_OF_TOLD, _HELD_FORM = "2", "3", "2"
_TOLD_FORM = "1"  # counted up when what is kept of it changes


def measured_path(manifest_version: str, day: object, aggregation: Aggregation, meters: Collection[str]) -> str:
    """Where the measures of a day are, below the lake."""
    form = _FORM_OF_TOLD if tells_levels(manifest_version) else _FORM
    named = hashlib.sha256("\n".join([form, *sorted(meters)]).encode()).hexdigest()[:8]
    return f"measures/day={day}/{manifest_version}-{aggregation}-{named}.parquet"


def measure_day(
    root: Path, manifest: Manifest, shards: int, aggregation: Aggregation, meters: Collection[str], limits: Limits
) -> None:
    """Writes the measures of a day by shard and org: a row for each org, meter and dimensions; of a unique count, and
    each quantity.

    `recorded`, `events` and `corrections` are the sum and the numbers of the events behind the row. Of level changes,
    `whole` and `fraction` (in 1e-18ths) are what they come to by the end of the day, in level x microseconds. `lowest`
    is the least that they come to at any time of the day; `trail` changes when any of them does.
    """
    path = root / measured_path(manifest.version, manifest.day, aggregation, meters)
    names = ", ".join(quoted(meter) for meter in sorted(meters))
    columns = f"*, {_SO_FAR}" if aggregation is Aggregation.TIME_WEIGHTED else "*"
    with duck(root, limits) as connection:
        if aggregation is Aggregation.TIME_WEIGHTED and tells_levels(manifest.version):
            rows = level_changes(root, manifest, lambda query: connection.execute(query).fetchall())
        else:
            rows = f"select *, quantity as recorded from ({counted_rows(root, manifest)})"
        write_rows(
            connection,
            f"""select {shard_sql(shards)} as shard, org_id, meter, dimensions, date '{manifest.day}' as day,
                       sum(recorded) as recorded, count(recorded) as events,
                       count(*) filter (recorded < 0) as corrections,
                       max(occurred_at) filter (recorded is not null) as last_event_at,
                       {_MEASURES[aggregation]}
                from (select {columns} from ({rows}) where meter in ({names}))
                group by org_id, meter, dimensions{", quantity" if aggregation is Aggregation.UNIQUE_COUNT else ""}
                order by shard, org_id""",
            path,
            FOR_ONE_ORG,
        )


def held_path(version: str, day: object, meters: Collection[str]) -> str:
    """Where it is, below the lake, what is held of levels at a day's end."""
    named = hashlib.sha256("\n".join([_HELD_FORM, *sorted(meters)]).encode()).hexdigest()[:8]
    return f"measures/day={day}/{version}-held-{named}.parquet"


def measure_held(root: Path, manifest: Manifest, shards: int, meters: Collection[str], limits: Limits) -> None:
    """Writes what the levels of a day on which some are told come to by its end; see told_levels.levels_held."""
    of_meters = f"meter in ({', '.join(quoted(meter) for meter in sorted(meters))})"
    with duck(root, limits) as connection:
        rows = levels_held(root, manifest, shards, lambda query: connection.execute(query).fetchall(), of_meters)
        write_rows(connection, rows, root / held_path(manifest.version, manifest.day, meters), FOR_ONE_ORG)


def told_path(version: str, day: object) -> str:
    """Where it is, below the lake, who told levels on a day."""
    return f"measures/day={day}/{version}-told-{_TOLD_FORM}.parquet"


def measure_told(root: Path, manifest: Manifest, shards: int, limits: Limits) -> None:
    """Writes the sources that told levels on a day, by organization and meter; see told_levels.telling_sources."""
    with duck(root, limits) as connection:
        path = root / told_path(manifest.version, manifest.day)
        write_rows(connection, telling_sources(root, manifest, shards), path, FOR_ONE_ORG)


def measures_query(rows: str, condition: str, aggregation: Aggregation) -> str:
    """A query for the measures of several days: `rows` is a FROM item of what `measure_day` wrote for them.

    One row for each org, meter, dimensions and day, in that order.
    """
    columns = "org_id, meter, dimensions, day"
    if aggregation is not Aggregation.UNIQUE_COUNT:
        return f"""select {columns}, recorded, events, corrections, last_event_at, value, whole, fraction
                   from {rows} where {condition} order by {columns}"""
    came = "case when value < 0 then -events else events end"
    # A quantity counts on the day on which it first came, so that days can be added up; not if it was taken back.
    return f"""select {columns}, sum(recorded), sum(events)::bigint, sum(corrections)::bigint, max(last_event_at),
                      count(*) filter (first)::decimal(38, 18), 0::decimal(38, 0), 0::decimal(38, 0)
               from (select *, row_number() over in_order = 1 and sum({came}) over same > 0 as first
                     from {rows} where {condition}
                     window same as (partition by org_id, meter, dimensions, abs(value)),
                            in_order as (partition by org_id, meter, dimensions, abs(value) order by day, value))
               group by {columns} order by {columns}"""


def below_zero_query(changes: str, levels: str | None, condition: str) -> str:
    """A query for the orgs and meters that had a series below zero at some time of the month.

    `changes` is a FROM item of the month's measures, `levels` one of the totals of all days before it.
    """
    series = f"select org_id, meter, dimensions, day, value, lowest from {changes} where {condition}"
    if levels is not None:
        series += f""" union all
            select org_id, meter, dimensions, date '0001-01-01', sum(quantity), sum(quantity)
            from {levels} where {condition} group by org_id, meter, dimensions"""
    return f"""select distinct org_id, meter
               from (select *, coalesce(sum(value) over earlier, 0) + lowest as least from ({series})
                     window earlier as (partition by org_id, meter, dimensions order by day
                                        rows between unbounded preceding and 1 preceding))
               where least < 0"""


def told_below_zero_query(changes: str, held: str, condition: str) -> str:
    """A query for the orgs and meters that were told levels, and anything below zero in the month: then what all of it
    comes to may be below zero. `held` is a FROM item for the levels that were told, in the columns of told_levels.HELD.
    """
    return f"""select org_id, meter from (
            select org_id, meter, false as told, corrections > 0 as below from {changes} where {condition}
            union all select org_id, meter, true, quantity < 0 from {held} where {condition})
        group by org_id, meter having bool_or(told) and bool_or(below)"""
