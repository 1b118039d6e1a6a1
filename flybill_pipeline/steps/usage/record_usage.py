"""Brings landed usage files into the lake, and decides for a day which rows count. Not how files are read."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from flybill_pipeline.billing.usage.files import Arrival, Broken, EventKey, LandedFile, Manifest, NotRead, Taken
from flybill_pipeline.billing.usage.known_sources import require_known_sources


class LandingZone(Protocol):
    """Where exporters put files."""

    def files(self) -> Iterable[LandedFile]: ...
    def source_ids(self) -> Sequence[str]: ...
    def has(self, path: str) -> bool: ...


class FileLake(Protocol):
    """Reads a landed file into immutable pieces that nobody sees yet."""

    def take(self, arrival: Arrival) -> Taken | Broken | NotRead: ...


class FileCatalog(Protocol):
    """Knows which files have arrived, and makes their pieces visible."""

    def working_on(self, what: str) -> AbstractContextManager[None]: ...
    def read(self) -> Sequence[tuple[str, str]]: ...
    def arrivals(self, files: Iterable[LandedFile], now: datetime) -> list[Arrival]: ...
    def took(self, arrival: Arrival, taken: Taken) -> set[date]: ...
    def broke(self, arrival: Arrival, broken: Broken) -> None: ...


class DayLake(Protocol):
    """Decides which rows of pieces count."""

    def make_manifest(self, day: date, pieces: Sequence[str], exclusions: Sequence[EventKey]) -> Manifest: ...


class DayCatalog(Protocol):
    """Knows the pieces of a day and keeps its manifest."""

    def working_on(self, what: str) -> AbstractContextManager[None]: ...
    def pieces(self, day: date) -> Sequence[str]: ...
    def exclusions(self, day: date) -> Sequence[EventKey]: ...
    def manifest(self, day: date) -> Manifest | None: ...
    def record(self, manifest: Manifest) -> None: ...


SHOWN = 5
EMPTIED = Broken(
    "the file is empty now, but gave usage before: that still counts",
    "nothing, if the exporter empties its files once they are read; to correct the usage, put a file with rows here",
)


class FilesNotReadError(Exception):
    """Landed files were not read, and none of them is known to be bad; the message names them, and what to do."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file: `rows` are good ones; a broken file has a `reason` and a `remedy`."""

    source: str
    path: str
    size: int
    rows: int
    quarantined: Mapping[str, int]
    reason: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What one look into the landing zone brought: its new and changed files, and the days that they touch."""

    files: tuple[FileReport, ...]
    days: tuple[date, ...]

    @property
    def rows(self) -> int:
        """Good rows, repeated ones included."""
        return sum(file.rows for file in self.files)

    @property
    def broken(self) -> tuple[FileReport, ...]:
        """The files that could not be read."""
        return tuple(file for file in self.files if file.reason is not None)

    @property
    def quarantined(self) -> dict[str, int]:
        """Bad rows by reason."""
        reasons = sorted({reason for file in self.files for reason in file.quarantined})
        return {reason: sum(file.quarantined.get(reason, 0) for file in self.files) for reason in reasons}


@dataclass(frozen=True, slots=True)
class DayReport:
    """A recorded day: `rows` count; `duplicates` and `conflicts` do not, nor do those whose sum is `too_large`.

    `changed` is false when nothing was new.
    """

    day: date
    pieces: int
    rows: int
    duplicates: int
    conflicts: int
    too_large: int
    changed: bool


def take_in(landing: LandingZone, lake: FileLake, catalog: FileCatalog, now: datetime) -> IntakeReport:
    """Reads every new or changed file of the landing zone once, each committed by itself; a broken one stops no other.

    `now` becomes the time of arrival of what is new. May be killed and run again at any time. Raises LostSourceError
    before anything is read when a file would be read by another source than before.
    Raises FilesNotReadError, after all others were read, when a file was not read though nothing is wrong with it.
    """
    reports, days, not_read = [], set[date](), list[tuple[LandedFile, NotRead]]()
    with catalog.working_on("intake"):
        files = list(landing.files())
        require_known_sources(files, catalog.read(), landing.source_ids(), landing.has)
        for arrival in catalog.arrivals(files, now):
            file = arrival.file
            match _taken(lake, arrival):
                case NotRead() as left:
                    not_read.append((file, left))
                case Broken() as broken:
                    catalog.broke(arrival, broken)
                    reports.append(FileReport(file.source, file.path, file.size, 0, {}, broken.reason, broken.remedy))
                case Taken() as taken:
                    days |= catalog.took(arrival, taken)
                    reports.append(FileReport(file.source, file.path, file.size, taken.rows, taken.quarantined))
    if not_read:
        raise FilesNotReadError(_not_read_sentence(not_read))
    return IntakeReport(tuple(reports), tuple(sorted(days)))


def _taken(lake: FileLake, arrival: Arrival) -> Taken | Broken | NotRead:
    """What the file says. One that says nothing any more takes nothing back: many tools empty a file that was read.

    Not so the totals of a day, all of whose rows count on other days now.
    """
    taken = lake.take(arrival)
    nothing = isinstance(taken, Taken) and not taken.pieces and not taken.quarantined
    return EMPTIED if nothing and arrival.rows_before and not arrival.file.all_there_is else taken


def _not_read_sentence(not_read: Sequence[tuple[LandedFile, NotRead]]) -> str:
    named = [f"{file.path} (source {file.source}): {left.reason.rstrip('.')}." for file, left in not_read[:SHOWN]]
    more = [f"And {len(not_read) - SHOWN} more."] if len(not_read) > SHOWN else []
    count = "1 landed file was" if len(not_read) == 1 else f"{len(not_read)} landed files were"
    return " ".join(
        [
            f"{count} not read, and nothing shows that the content is at fault.",
            *named,
            *more,
            "Make room on the disk, in memory, or whatever is named here, and start this again: the files are read "
            "then. Should one of them stay unread, export it again or take it out of the landing zone.",
        ]
    )


def record_day(day: date, lake: DayLake, catalog: DayCatalog) -> DayReport:
    """Records which rows of `day` count: of rows with one (source, event_id) the first to arrive, on any day."""
    with catalog.working_on(f"day {day}"):
        before = catalog.manifest(day)
        manifest = lake.make_manifest(day, catalog.pieces(day), catalog.exclusions(day))
        catalog.record(manifest)
    return DayReport(
        day=day,
        pieces=len(manifest.pieces),
        rows=manifest.rows,
        duplicates=manifest.duplicates,
        conflicts=manifest.conflicts,
        too_large=manifest.too_large,
        changed=before is None or before.version != manifest.version,
    )
