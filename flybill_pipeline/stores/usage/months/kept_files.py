"""What is kept of usage so that nobody works it out again, and when it goes: measures, levels, gathered totals.

All of it is named by the usage that it was made of. It is made again when it is asked for and not there, but for
measures of a day as it once was: invoices were priced from these. No usage, and no daily total, is ever swept.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.usage.lake.days import rollup_path
from flybill_pipeline.stores.usage.lake.gathered import Span, spans
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.levels import level_paths

KEPT = timedelta(days=3)
"""Who began to read a file may go on with it for so long, and a day that is being compiled is not in the catalog."""

_OURS = re.compile(r"measures/(day|from|before)=[^/]+/[^/]+\.parquet")

Days = Mapping[date, str]
"""Day → the version of its usage."""


def sweep_kept(
    lake: UsageLake, levels_of: Callable[[Month], Collection[str]], priced: Iterable[Days], now: datetime
) -> int:
    """Removes what neither today's usage needs nor what invoices were `priced` from; returns how many files went.

    `levels_of` names the meters whose levels are carried into a month. The records of files that went stay: nobody may
    take away what says how a file was written, and one that is made again is recorded again.
    """
    today, there = lake.versions(_all_days(lake)), dict(_kept(lake))
    written = {path for path, at in there.items() if at < now - KEPT}
    needed = _Needed(lake, levels_of, [today, *priced], written)
    old = [path for path in sorted(written) if not needed.has(path)]
    if old:
        lake.storage.remove(old)
    lake.storage.forget("measures", there.keys(), now - KEPT)  # what another machine swept
    return len(old)


class _Needed:
    """What is needed for months of usage as it is, and as it was when they were billed.

    Days that are in one of the files `written` are not needed in several smaller ones.
    """

    def __init__(
        self,
        lake: UsageLake,
        levels_of: Callable[[Month], Collection[str]],
        usages: Iterable[Days],
        written: Collection[str],
    ) -> None:
        self._versions: dict[str, set[str]] = {}
        self._paths: set[str] = set()
        carried: dict[Month, frozenset[str]] = {}
        gathered = set[Span]()
        for days in usages:
            rollups = {day: rollup_path(day, version) for day, version in days.items()}
            for day, version in days.items():
                self._versions.setdefault(f"day={day}", set()).add(version)
            gathered |= set(spans(rollups))
            for month in _months(days):
                if month not in carried:
                    carried[month] = frozenset(levels_of(month))
            for meters in {carried[month] for month in _months(days)} - {frozenset()}:
                self._paths |= set(level_paths(rollups, meters))
        self._paths |= {path for span in gathered for path in _files_of(span, lake.shards, written)}

    def has(self, path: str) -> bool:
        """Whether the file is needed."""
        _, of, name = PurePosixPath(path).parts
        return path in self._paths or any(name.startswith(f"{each}-") for each in self._versions.get(of, ()))


def _files_of(span: Span, shards: int, written: Collection[str]) -> Iterator[str]:
    """The files with the days of a span, for all shards or each; until they are written, those of its parts too."""
    together, apart = span.gathered(None, shards), {span.gathered(shard, shards) for shard in range(shards)}
    yield from (together, *apart)
    if together not in written and not apart.issubset(written):
        yield from (path for part in span.parts() for path in _files_of(part, shards, written))


def _all_days(lake: UsageLake) -> Iterable[date]:
    return lake.catalog.rollups_before(date.max)


def _months(days: Days) -> Iterator[Month]:
    """Those of the days, and the one after them: a level is carried there."""
    months = {Month.of(day) for day in days}
    return iter(months | {month.next() for month in months})


def _kept(lake: UsageLake) -> list[tuple[str, datetime]]:
    """What was written so: whatever else somebody put there is left alone."""
    return [(path, at) for path, at in lake.storage.written("measures").items() if _OURS.fullmatch(path)]
