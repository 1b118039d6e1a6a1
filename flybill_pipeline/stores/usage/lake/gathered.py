"""Which files have the totals of a shard's days: some days together in one file where there is one, else each its own.

A file of several days is named by the totals that it was made of. Late usage gives a day other totals, and then the
file of before is none of its days' any more: so nothing that is gathered is ever wrong. Making it is months' to do.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import NamedTuple

_DAYS = 8
_FORM = "1"  # counted up when what is gathered changes


Here = Callable[[Iterable[str]], Collection[str]]
"""Those of some files of the lake that can be read at once."""


class Span(NamedTuple):
    """Some days of a month, which are gathered together: the paths of their totals, below the lake."""

    days: tuple[date, ...]
    paths: tuple[str, ...]

    def gathered(self, shard: int, shards: int) -> str:
        """Where the totals of a shard of so many are together, below the lake."""
        named = hashlib.sha256("\n".join([_FORM, f"{shard} of {shards}", *self.paths]).encode()).hexdigest()[:16]
        return f"measures/from={self.days[0]}/{named}.parquet"


def spans(rollups: Mapping[date, str]) -> Iterator[Span]:
    """The days, by what is gathered together; `rollups` are the paths of the totals of each."""
    for _, days in groupby(sorted(rollups), key=lambda day: (day.year, day.month, (day.day - 1) // _DAYS)):
        span = tuple(days)
        yield Span(span, tuple(rollups[day] for day in span))


def fewest_files(here: Here, rollups: Mapping[date, str], shard: int | None, shards: int) -> Collection[str]:
    """The files that have a shard's totals of these days, and of no other day; `here` tells which there are."""
    if shard is None:
        return rollups.values()
    together = {span.gathered(shard, shards): span.paths for span in spans(rollups)}
    there = here(together)
    return [path for one, days in together.items() for path in ([one] if one in there else days)]
