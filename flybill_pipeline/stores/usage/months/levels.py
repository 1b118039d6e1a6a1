"""What levels came to before a day, kept at each month's end; so who asks reads one file, not all days. No prices here.

A kept file is named by the totals that it was made of. A late event in an earlier month gives other names from there
on, so nothing that is kept is ever wrong, or changed.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.duck import duck, quoted
from flybill_pipeline.stores.files.parquet_files import FOR_ONE_ORG, write_rows
from flybill_pipeline.stores.usage.lake.days import shard_sql, tells_levels
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.told_levels import HELD, ONE_LEVEL

_CHANGES = """shard, org_id, meter, dimensions, quantity, last_event_at, null::varchar as source,
    null::varchar as series, null::timestamp as first_at, null::timestamp as expires_at"""
_FORM, _FORM_OF_TOLD = "2", "3"  # counted up when what is kept changes

HeldFiles = Callable[[Mapping[date, str]], Sequence[str]]
"""Gives the files of what levels are held at by the ends of days; see measures.measure_held."""


def level_rows(lake: UsageLake, before: date, meters: Collection[str], held: HeldFiles) -> str | None:
    """A FROM item, in the columns of HELD, for what levels of `meters` are the sums of when a day begins.

    These are totals of days, or what they held where levels are told; older months are read as what they came to.
    What was told and holds no more is absent. None without any.
    """
    rollups = lake.catalog.rollups_before(before)
    if not rollups or not meters:
        return None
    running = Month.of(before).first_day
    closed = {day: path for day, path in rollups.items() if day < running}
    since = {day: path for day, path in rollups.items() if day >= running}
    read = _files_of(_kept(lake, closed, meters, held), since, held)
    return _held_before(before, _rows(lake, read, meters))


class _Files(NamedTuple):
    """What an earlier month came to, totals of days, and what is held at the ends of days on which levels are told."""

    kept: Sequence[str]
    totals: Sequence[str]
    told: Sequence[str]


def _files_of(kept: str | None, rollups: Mapping[date, str], held: HeldFiles) -> _Files:
    told = {day: path for day, path in rollups.items() if tells_levels(path)}
    totals = [path for day, path in rollups.items() if day not in told]
    return _Files([kept] if kept else [], totals, held(told))


def _kept(lake: UsageLake, rollups: Mapping[date, str], meters: Collection[str], held: HeldFiles) -> str | None:
    """The file of what levels came to by the end of these days, which are whole months; made now where it is not."""
    months, paths = _months(rollups), level_paths(rollups, meters)
    last = next((place for place in reversed(range(len(paths))) if lake.guard.has(paths[place])), -1)
    for place in range(last + 1, len(paths)):
        of_month = {day: rollups[day] for day in months[place]}
        files = _files_of(paths[place - 1] if place else None, of_month, held)
        _keep(lake, paths[place], Month.of(months[place][0]), files, meters)
    return paths[-1] if paths else None


def level_paths(rollups: Mapping[date, str], meters: Collection[str]) -> list[str]:
    """Where it is kept what levels came to by the end of each month of these days, below the lake."""
    return [
        _path([rollups[day] for day in sorted(rollups) if day <= days[-1]], days[-1], meters)
        for days in _months(rollups)
    ]


def _months(days: Collection[date]) -> list[list[date]]:
    return [list(of_month) for _, of_month in groupby(sorted(days), key=lambda day: day.replace(day=1))]


def _path(rollups: Sequence[str], last: date, meters: Collection[str]) -> str:
    form = _FORM_OF_TOLD if any(map(tells_levels, rollups)) else _FORM
    named = hashlib.sha256("\n".join([form, *sorted(meters), "", *rollups]).encode()).hexdigest()[:16]
    return f"measures/before={Month.of(last).end.date()}/{named}.parquet"


def _keep(lake: UsageLake, path: str, month: Month, files: _Files, meters: Collection[str]) -> None:
    with lake.catalog.working_on(path):
        if lake.guard.has(path):
            return
        lake.guard.require([*files.kept, *files.totals, *files.told], contents=True)  # whoever asks: it stays
        levels = f"""select {shard_sql(lake.shards)} as shard, org_id, meter, dimensions,
                            sum(quantity)::DECIMAL(38, 18) as quantity, max(last_event_at) as last_event_at,
                            source, series, null::timestamp as first_at, expires_at
                     from {_held_before(month.end.date(), _rows(lake, files, meters))}
                     group by org_id, meter, dimensions, source, series, expires_at
                     having sum(quantity) <> 0 order by shard, org_id"""
        with duck(lake.root, lake.limits) as connection:
            write_rows(connection, levels, lake.root / path, FOR_ONE_ORG)
        lake.guard.keep([path])


def _held_before(day: date, rows: str) -> str:
    return f"(from {rows} where expires_at is null or expires_at > timestamp '{day}')"


def _rows(lake: UsageLake, files: _Files, meters: Collection[str]) -> str:
    """A FROM item for what the files add up to; of each level what was told last."""
    named = ", ".join(map(quoted, sorted(meters)))
    parts = [f"select {HELD} from {lake.file_rows(paths)}" for paths in (files.kept, files.told) if paths]
    if files.totals:
        parts.append(f"select {_CHANGES} from {lake.file_rows(files.totals)} where meter in ({named})")
    rows = f"({' union all '.join(parts)})"
    if not files.told:
        return rows
    return f"""(from {rows} where source is null union all from {rows} where source is not null
                qualify row_number() over ({ONE_LEVEL} order by last_event_at desc) = 1)"""
