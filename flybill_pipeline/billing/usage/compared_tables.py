"""What became of the days of a table since their totals were taken: changed, deleted or forgotten. Asks no engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile

from flybill_pipeline.billing.usage.tables import NO_DAY, CountedDay, KnownDay

NONE = CountedDay()


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long an engine keeps its rows, in days up to `last` (None: nobody said), and whether rows are deleted."""

    last: date
    days: int | None = None
    deletes: bool = False

    def is_over(self, day: date) -> bool:
        """Whether the engine may have forgotten rows of that day, as somebody said."""
        return self.days is not None and NO_DAY < day < self.last - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Differences:
    """Days that are to be summed again; those whose rows are `fewer`, which a person must judge; those forgotten."""

    changed: tuple[date, ...]
    fewer: tuple[date, ...]
    forgotten: tuple[date, ...]


def differences(known: Mapping[date, KnownDay], there: Mapping[date, CountedDay], keeping: Keeping) -> Differences:
    """What is otherwise than it was. Of a day that the engine forgot, what was taken stands.

    Without a word on how long rows are kept, those are the first days, up to one that has no fewer rows than it had:
    where the first is gone, and nobody said that rows are deleted. Else only a person can tell what became of them.
    """
    differing = sorted(day for day in known.keys() | there.keys() if _differs(known.get(day), there.get(day, NONE)))
    fewer = {day for day in differing if _fewer(known, there, day)}
    first = set(takewhile(lambda day: day in fewer, (day for day in sorted(known) if _has_usage(day, known[day]))))
    if keeping.days is not None:
        forgotten = {day for day in differing if day in known and keeping.is_over(day)}
        unclear = set[date]()
    else:
        forgotten = first if not keeping.deletes and any(day not in there for day in first) else set()
        unclear = first - forgotten
    gone = unclear if keeping.deletes else fewer - forgotten
    return Differences(
        changed=tuple(day for day in differing if day not in gone | forgotten),
        fewer=tuple(sorted(gone)),
        forgotten=tuple(sorted(forgotten)),
    )


def _differs(known: KnownDay | None, there: CountedDay) -> bool:
    return known is None or (known.rows, known.digest) != (there.rows, there.digest)


def _fewer(known: Mapping[date, KnownDay], there: Mapping[date, CountedDay], day: date) -> bool:
    """Refused rows that go, or were put right, take nothing back."""
    return day in known and day != NO_DAY and there.get(day, NONE).rows < known[day].rows


def _has_usage(day: date, known: KnownDay) -> bool:
    return known.rows > 0 and day != NO_DAY
