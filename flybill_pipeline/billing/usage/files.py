"""What landing zone, lake and catalog say to each other about usage files. Plain values: no reading, no rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

FIRST_DAY = date(2020, 1, 1)
"""Of usage, where nobody names another: what is older was written by a clock that was wrong."""
OF_A_CLOCK = "clock"
"""Why a row is refused that may be good at another time: it is compared with the clock, and with a setting."""
ALIASED = ".aliased.parquet"
"""How the name of a piece ends whose events name aliases in the place of organizations."""
LEVELS = ".levels."
"""What is in the name of a piece whose events tell what a level is, not what it changes by."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file as it lies in the landing zone. `path` is below the landing zone, `location` is where to read it.

    `content_hash` reads the file, so it is asked only when size and time of modification say too little; it gives None
    where that would take long. `mapping_hash` names the mapping: a broken file is tried again when that is mended.
    `changed_ns` is when anything about the file changed, be it that an older copy was put back with its own times.
    A file that is `elsewhere` is not in the landing zone: a link in it leads to another place. It may be the `whole` of
    each "day" or "month" that it has rows of, and take back what earlier files of its source said of that. One that
    lies in a bucket has no location: `fetch` writes it to a path. One that is `all_there_is` takes back what it said
    before, also where it says nothing now.
    """

    source: str
    path: str
    location: str
    size: int
    modified_ns: int
    mapping_hash: str
    content_hash: Callable[[], str | None] = field(compare=False, repr=False)
    changed_ns: int = 0
    elsewhere: bool = False
    whole: str = ""
    fetch: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    all_there_is: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A landed file with its place in the order of arrival; the same path keeps its number, its version grows.

    `rows_before` are the good rows that an earlier version of the file gave.
    """

    number: int
    version: int
    arrived_at: datetime
    file: LandedFile
    rows_before: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """An immutable Parquet file with some good rows of one landed file and one UTC day; `path` is below the lake."""

    day: date
    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What reading a landed file gave: good rows in pieces, and bad rows by reason in one quarantine file.

    Rows that are `left_out` are no usage, as the mapping says. `records` are what the reader of the format saw, `told`
    those of them that became events, were left out or refused: counted apart, and the same unless something was lost.
    """

    pieces: tuple[Piece, ...]
    quarantined: Mapping[str, int]
    quarantine_path: str | None
    left_out: int = 0
    records: int = 0
    told: int = 0

    @property
    def rows(self) -> int:
        """Good rows, repeated ones included."""
        return sum(piece.rows for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a landed file can never be read as it is, and what a person can do about it."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why a landed file was not read this time: nothing proves that the file is at fault, so it is tried again."""

    reason: str


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """What makes an event one event: an id is unique within its source."""

    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose the aliases among a day's events are: a list at `path` below the lake; None where nobody has any of them.

    `known` is the last change of aliases that it was made by. Events of aliases that belong to nobody are `waiting`.
    """

    path: str | None
    known: int
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which rows of a day count: those of `pieces` without those that `excluded_path` lists.

    Left out are `duplicates`, `conflicts` (another row of the id stands), rows that a later one has `replaced`, and
    rows whose sum is `too_large`.
    `version` names the inputs, so the same version always means the same rows. `owners` are those of aliases.
    """

    day: date
    version: str
    pieces: tuple[str, ...]
    exclusions: tuple[EventKey, ...]
    excluded_path: str | None
    rows: int
    duplicates: int
    conflicts: int
    too_large: int = 0
    replaced: int = 0
    owners: Owners | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """All that the day is made of."""
        lists = (self.excluded_path, self.owners.path if self.owners else None)
        return (*self.pieces, *(path for path in lists if path is not None))


@dataclass(frozen=True, slots=True)
class Rollup:
    """A day's totals at rest: `path` below the lake, `groups` of (org, meter, dimensions, day of arrival)."""

    day: date
    version: str
    path: str
    groups: int
    events: int
