"""What every landing zone can do, be it a folder or a bucket, and which names in it are files of a source."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol

from flybill_pipeline.billing.usage.files import LandedFile
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

AsRead = Mapping[tuple[str, str], tuple[int, int]]
"""A source and a path → the size and time (ns) of the file that was read. A zone may leave out what is still the same:
there may be a year of files, of which a few are new.
"""
NONE_READ: AsRead = {}


class LandingError(Exception):
    """The file cannot be landed; the message names the file, what is wrong and the remedy."""


class Zone(Protocol):
    """Where exporters put files. `folder` is where that is, None for a bucket."""

    @property
    def folder(self) -> Path | None: ...
    def files(
        self, sources: Iterable[SourceMapping], *, seen_only: bool, as_read: AsRead = NONE_READ
    ) -> Iterator[LandedFile]: ...
    def has(self, path: str) -> bool: ...
    def differs(self, path: str, file: Path) -> bool: ...
    def put(self, file: Path, path: str) -> None: ...


def oldest_first(files: Iterable[LandedFile]) -> list[LandedFile]:
    """The files by time of modification, then source, then path."""
    return sorted(files, key=lambda file: (file.modified_ns, file.source, file.path))


def hidden(parts: Iterable[str]) -> bool:
    """Temporary names of exporters and of `land` itself start with a dot or an underscore."""
    return any(part.startswith((".", "_")) for part in parts)


def matches(path: str, pattern: str) -> bool:
    """Whether a glob would find `path`; `**` stands for any number of folders, none too."""
    return _match_parts(PurePosixPath(path).parts, PurePosixPath(pattern).parts)


def _match_parts(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_match_parts(path[skip:], pattern[1:]) for skip in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _match_parts(path[1:], pattern[1:])
