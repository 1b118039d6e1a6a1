"""What has landed and is not in the usage that a month is priced from: what a close waits for. No files are read here.

A file counts when it landed by the moment that a close began. Without that limit a site where files land all the time
would never close a month. What lands later is late usage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flybill_pipeline.billing.money.period import Month

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_NAMED = 3
LOOKED_LATELY = timedelta(hours=1)
"""A table in an engine that was looked at so long before a close began is read: that is done several times an hour."""
COMPARED_LATELY = timedelta(hours=26)
"""That long before, all of it was compared with what came: that is done once a day at least."""
WHO_READS = (
    "The sensors landed_files_arrived and days_to_record bring it in, and then the month is closed again by itself; "
    "`flybill close {month}` does all of it at once."
)


@dataclass(frozen=True, slots=True)
class Landing:
    """Which files a close counts: all but those that landed after `by`, when it began, and up to `until`, the present.

    A file whose time lies in the future has landed all the same: some clock is wrong, so it counts.
    """

    by: datetime
    until: datetime

    @property
    def looked_since(self) -> datetime:
        """Since when a table in an engine must have been looked at."""
        return self.by - LOOKED_LATELY

    @property
    def compared_since(self) -> datetime:
        """Since when all of it must have been compared with what came."""
        return self.by - COMPARED_LATELY

    def leaves_out(self, modified_ns: int) -> bool:
        """Whether a file with this time of modification, in nanoseconds since 1970, is one for a later close."""
        return nanoseconds(self.by) < modified_ns <= nanoseconds(self.until)


@dataclass(frozen=True, slots=True)
class DayOfUsage:
    """A day's pieces of usage: `there` are all, `later` those of them from files that a close leaves out.

    `priced` are those that a month is priced from; `recounted` says that by now other rows of them count.
    """

    day: date
    there: frozenset[str]
    later: frozenset[str]
    priced: frozenset[str]
    recounted: bool

    @property
    def is_behind(self) -> bool:
        """Whether the month is priced from less, or from other usage, than had landed when its close began."""
        if not self.there - self.later <= self.priced <= self.there:
            return True
        # A later file may be why other rows count; that is its own business then.
        return self.recounted and self.priced == self.there


@dataclass(frozen=True, slots=True)
class Backlog:
    """Landed files that nobody has read, by path, and days of usage that a month was priced without.

    `tables` are sources whose table in an engine was not looked at, or not as a whole, since before the close began.
    """

    files: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    tables: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.days or self.tables)

    def sentence(self, month: Month) -> str:
        """Why the month is not finalized, for an operator."""
        parts = []
        if self.files:
            are = "is" if len(self.files) == 1 else "are"
            parts.append(f"{_counted(self.files, 'landed file')} {are} not read yet ({_named(self.files)})")
        if self.days:
            days = [day.isoformat() for day in self.days]
            parts.append(f"usage of {_counted(days, 'day')} is not in its drafts yet ({_named(days)})")
        if self.tables:
            are = "was" if len(self.tables) == 1 else "were"
            parts.append(f"{_counted(self.tables, 'table')} in an engine {are} not looked at ({_named(self.tables)})")
        return f"{month} is not finalized: {'; '.join(parts)}."


def nanoseconds(moment: datetime) -> int:
    """Whole nanoseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def _counted(each: Sequence[str], noun: str) -> str:
    return f"{len(each):,} {noun}{'' if len(each) == 1 else 's'}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
