"""Usage that stays in an engine: what one look into a table gave. Plain values: no engine is asked here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


class NotPulledError(Exception):
    """The totals of a table did not come, or must not count; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class PulledDay:
    """The totals of one UTC day of a table, as a file at `location`: `totals` rows, made of `rows` that count.

    `repeats` are rows whose id stands elsewhere. A day whose rows all stand elsewhere has no totals. `meters` are those
    of the totals.
    """

    day: date
    location: str
    totals: int
    rows: int
    repeats: int
    meters: frozenset[str] = frozenset()

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
class KnownTable:
    """What earlier looks came to: the watermark, None before the first, and per day how many rows there were."""

    watermark: str | None = None
    rows: Mapping[date, int] = field(default_factory=dict)


def day_path(source_id: str, day: date) -> str:
    """Where the totals of a day are landed, below the landing zone: a day keeps its place, whatever it comes to."""
    return f"{source_id}/{day}.parquet"
