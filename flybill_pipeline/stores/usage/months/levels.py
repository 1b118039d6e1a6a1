"""What levels came to before a day, kept at each month's end; so who asks reads one file, not all days. No prices here.

A kept file is named by the totals that it was made of. A late event in an earlier month gives other names from there
on, so nothing that is kept is ever wrong, or changed.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import groupby

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.duck import duck, quoted
from flybill_pipeline.stores.files.parquet_files import FOR_ONE_ORG, write_rows
from flybill_pipeline.stores.usage.lake.days import shard_sql
from flybill_pipeline.stores.usage.lake.lake import UsageLake

_COLUMNS = "shard, org_id, meter, dimensions, quantity, last_event_at"
_FORM = "1"  # counted up when what is kept changes


def level_rows(lake: UsageLake, before: date, meters: Collection[str]) -> str | None:
    """A FROM item for what levels are the sums of: totals of `meters` before a day, older months as what they came to.

    None without any.
    """
    rollups = lake.catalog.rollups_before(before)
    if not rollups or not meters:
        return None
    running = Month.of(before).first_day
    closed = {day: path for day, path in rollups.items() if day < running}
    since = [path for day, path in rollups.items() if day >= running]
    return _rows(lake, _kept(lake, closed, meters), since, meters)


def _kept(lake: UsageLake, rollups: Mapping[date, str], meters: Collection[str]) -> str | None:
    """The file of what levels came to by the end of these days, which are whole months; made now where it is not."""
    months = [list(days) for _, days in groupby(sorted(rollups), key=lambda day: day.replace(day=1))]
    paths = [_path([rollups[day] for day in sorted(rollups) if day <= days[-1]], days[-1], meters) for days in months]
    last = next((place for place in reversed(range(len(paths))) if (lake.root / paths[place]).exists()), -1)
    for place in range(last + 1, len(paths)):
        _keep(lake, paths[place], paths[place - 1] if place else None, [rollups[day] for day in months[place]], meters)
    return paths[-1] if paths else None


def _path(rollups: Sequence[str], last: date, meters: Collection[str]) -> str:
    named = hashlib.sha256("\n".join([_FORM, *sorted(meters), "", *rollups]).encode()).hexdigest()[:16]
    return f"measures/before={Month.of(last).end.date()}/{named}.parquet"


def _keep(lake: UsageLake, path: str, earlier: str | None, rollups: Sequence[str], meters: Collection[str]) -> None:
    with lake.catalog.working_on(path):
        if (lake.root / path).exists():
            return
        lake.guard.require([*rollups, *([earlier] if earlier else [])], contents=True)  # whoever asks: it stays
        rows = _rows(lake, earlier, rollups, meters)
        levels = f"""select {shard_sql(lake.shards)} as shard, org_id, meter, dimensions,
                            sum(quantity)::DECIMAL(38, 18) as quantity, max(last_event_at) as last_event_at
                     from {rows} group by org_id, meter, dimensions having sum(quantity) <> 0 order by shard, org_id"""
        with duck(lake.root, lake.limits) as connection:
            write_rows(connection, levels, lake.root / path, FOR_ONE_ORG)
        lake.guard.keep([path])


def _rows(lake: UsageLake, kept: str | None, rollups: Sequence[str], meters: Collection[str]) -> str:
    named = ", ".join(map(quoted, sorted(meters)))
    parts = [f"select {_COLUMNS} from {lake.file_rows([kept])}"] if kept else []
    parts += [f"select {_COLUMNS} from {lake.file_rows(rollups)} where meter in ({named})"] if rollups else []
    return f"({' union all '.join(parts)})"
