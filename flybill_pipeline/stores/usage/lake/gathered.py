"""Which files have the totals of a shard's days: some days together in one file where there is one, else each its own.

A file of several days is named by the totals that it was made of. Late usage gives a day other totals, and then the
file of before is none of its days' any more: so nothing that is gathered is ever wrong. Making it is months' to do.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import NamedTuple

from flybill_pipeline.billing.money.period import Month

SIZES = (32, 8, 2)
"""Days of a month that are together in one file: all of them, eight, two. Each file takes a millisecond to read."""
_FORM = "1"  # counted up when what is gathered changes


Here = Callable[[Iterable[str]], Collection[str]]
"""Those of some files of the lake that can be read at once."""


class Span(NamedTuple):
    """Some days of a month, which are gathered together: the paths of their totals, below the lake; `size` of SIZES."""

    days: tuple[date, ...]
    paths: tuple[str, ...]
    size: int

    @property
    def last_day(self) -> date:
        """The last day that is gathered with these, be there any usage of it or not."""
        month = Month.of(self.days[0])
        return month.days()[: _place(self.days[0], self.size) * self.size + self.size][-1]

    def parts(self) -> Iterator["Span"]:
        """The smaller spans that it is made of; none of the smallest."""
        smaller = next((size for size in SIZES if size < self.size), None)
        return iter(()) if smaller is None else spans(dict(zip(self.days, self.paths, strict=True)), smaller)

    def gathered(self, shard: int | None, shards: int) -> str:
        """Where the totals of a shard of so many are together, below the lake; None: those of all shards."""
        of = "all" if shard is None else f"{shard} of {shards}"
        named = hashlib.sha256("\n".join([_FORM, of, *self.paths]).encode()).hexdigest()[:16]
        return f"measures/from={self.days[0]}/{named}.parquet"


def spans(rollups: Mapping[date, str], size: int = SIZES[0]) -> Iterator[Span]:
    """The days, by what is gathered together; `rollups` are the paths of the totals of each."""
    for _, days in groupby(sorted(rollups), key=lambda day: (day.year, day.month, _place(day, size))):
        span = tuple(days)
        yield Span(span, tuple(rollups[day] for day in span), size)


def fewest_files(here: Here, rollups: Mapping[date, str], shard: int | None, shards: int) -> Collection[str]:
    """The files that have a shard's totals of these days, and of no other day; `here` tells which there are."""
    if shard is None:
        return rollups.values()
    files, left = list[str](), list(spans(rollups))
    while left:
        named = {span: [span.gathered(shard, shards), span.gathered(None, shards)] for span in left}
        there = here(name for names in named.values() for name in names)
        found = {span: next((name for name in names if name in there), None) for span, names in named.items()}
        files += filter(None, found.values())
        loose = [span for span, name in found.items() if name is None]
        files += [path for span in loose if span.size == SIZES[-1] for path in span.paths]
        left = [part for span in loose for part in span.parts()]
    return files


def _place(day: date, size: int) -> int:
    return (day.day - 1) // size
