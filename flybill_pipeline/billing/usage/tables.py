"""Usage that stays in an engine: what one look into a table gave. Plain values: no engine is asked here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

NO_DAY = date(1970, 1, 1)
"""The day of rows without a time that a calendar has: they are refused when the totals are read."""


class NotPulledError(Exception):
    """The totals of a table did not come, or must not count; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class PulledDay:
    """The totals of one UTC day of a table, as a file at `location`: `totals` rows, made of `rows` that count.

    `repeats` are rows whose id has another row that counts, `elsewhere` those of them where it is of another day. A day
    whose rows all stand elsewhere has no totals. `meters` are those of the totals. `digest` changes with its rows.
    """

    day: date
    location: str
    totals: int
    rows: int
    repeats: int
    meters: frozenset[str] = frozenset()
    elsewhere: int = 0
    digest: str = "0"

    @property
    def there(self) -> int:
        """The rows of the day that the engine had, whatever became of them."""
        return self.rows + self.repeats


@dataclass(frozen=True, slots=True)
class Pulled:
    """One look into a table: the days with new rows, whole, and the watermark up to which it was looked at."""

    days: Sequence[PulledDay]
    watermark: str | None


@dataclass(frozen=True, slots=True)
class CountedDay:
    """The rows that an engine has of a day now, and their digest. Of those a look would find `new` rows by itself."""

    rows: int = 0
    digest: str = "0"
    new: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """All days of a table, counted in one scan, and the watermark up to which it was looked at by that."""

    days: Mapping[date, CountedDay]
    watermark: str | None


@dataclass(frozen=True, slots=True)
class KnownDay:
    """What was there of a day when its totals were taken: see PulledDay. `digest` is None where none was taken."""

    rows: int
    digest: str | None = None
    elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class KnownTable:
    """What earlier looks came to: the watermark, None before the first, and what was there of each day.

    `compared_at` is when all of it was last compared with the table.
    """

    watermark: str | None = None
    days: Mapping[date, KnownDay] = field(default_factory=dict)
    compared_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """When a table was looked at, and whether as a whole: all of it is now as it came."""

    at: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class LastLook:
    """When a table was last looked at, and when last as a whole, if ever."""

    at: datetime
    whole_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakenTable:
    """What was taken of a source's table, as far as it is on record: the rows of `days` UTC days, up to the watermark.

    `look` is None where it was never looked at. `behind` says that a close would wait for another look.
    """

    source: str
    look: LastLook | None
    watermark: str | None
    days: int
    rows: int
    behind: bool


def day_path(source_id: str, day: date) -> str:
    """Where the totals of a day are landed, below the landing zone: a day keeps its place, whatever it comes to."""
    return f"{source_id}/{day}.parquet"
