"""A landing zone that is a folder: which files lie there, and how one is put there. What they say: not here."""

import errno
import filecmp
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import takewhile
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from flybill_pipeline.billing.usage.files import LandedFile
from flybill_pipeline.stores.files.folders import local_folder
from flybill_pipeline.stores.files.whole_copies import copy_whole
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.zones import NONE_READ, AsRead, LandingError, hidden

HASHED_UP_TO = 8 * 1024 * 1024  # bytes; larger files are known by size and time of modification
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
OF_THE_DISK = "lost+found"


class FolderZone:
    """The folder at `url`, made where there is none."""

    def __init__(self, url: str) -> None:
        self.folder = local_folder(url)

    def files(
        self, sources: Iterable[SourceMapping], *, seen_only: bool, as_read: AsRead = NONE_READ
    ) -> Iterator[LandedFile]:
        """The files of each source but those `as_read`. Raises LandingError when a folder cannot be looked into, unless
        `seen_only`.
        """
        above, leads_elsewhere = len(str(self.folder / "_")) - 1, self._links()
        for source in sources:
            if not seen_only:
                _require_seen(self.folder.joinpath(*_plain_parts(source.files)))
            fingerprint = source.fingerprint()
            for path in map(str, self.folder.glob(source.files)):
                for status in () if hidden(path[above:].split("/")) else _status(path):
                    shown = _shown(path[above:])
                    if as_read.get((source.key, shown)) == (status.st_size, status.st_mtime_ns):
                        continue
                    yield LandedFile(
                        source=source.key,
                        path=shown,
                        location=path,
                        size=status.st_size,
                        modified_ns=status.st_mtime_ns,
                        mapping_hash=fingerprint,
                        content_hash=partial(_hash, path, status.st_size),
                        changed_ns=status.st_ctime_ns,
                        elsewhere=leads_elsewhere(path),
                        whole=source.whole,
                        all_there_is=source.table is not None,
                    )

    def has(self, path: str) -> bool:
        """Whether there is a file at this path."""
        return (self.folder / path).is_file()

    def differs(self, path: str, file: Path) -> bool:
        """Whether what lies at `path` is not the same as `file`."""
        return not filecmp.cmp(file, self.folder / path, shallow=False)

    def put(self, file: Path, path: str) -> None:
        """Copies `file` there, all or nothing. Raises OSError."""
        copy_whole(file, self.folder / path)

    def _links(self) -> Callable[[str], bool]:
        """Whether a file is in another place: somebody who may write here could link to one that only we can read.

        Each folder is followed but once: there may be a year of files in it.
        """
        root = self.folder.resolve()
        inside = cache(lambda place: Path(place).resolve().is_relative_to(root))
        return lambda path: not inside(path if os.path.islink(path) else path.rpartition("/")[0])  # noqa: PTH114


def _shown(path: str) -> str:
    """The path as text; bytes of a name that are no UTF-8, which no store can keep, are spelled out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _status(path: str) -> list[os.stat_result]:
    """The status of a file, if it is one and has not just been taken away."""
    try:
        status = os.stat(path)  # noqa: PTH116 - to make a Path of each file of a year takes longer than all else
    except OSError as error:
        if error.errno not in GONE:
            raise
        return []
    return [status] if S_ISREG(status.st_mode) else []


def _plain_parts(pattern: str) -> Iterator[str]:
    """The folders that a pattern names outright, before the first that it leaves open."""
    return takewhile(lambda part: not set(part) & set("*?["), PurePosixPath(pattern).parts[:-1])


def _require_seen(folder: Path) -> None:
    """Raises LandingError if a folder here cannot be listed: `glob` passes over it without a word."""
    for _, folders, _ in os.walk(folder, onerror=_not_seen):
        folders[:] = [name for name in folders if not hidden([name]) and name != OF_THE_DISK]


def _not_seen(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # just taken away, or a file of that name
        raise LandingError(
            f"{error.filename}: this folder of the landing zone cannot be looked into: {error.strerror}; "
            "let the account that flybill runs as read and enter it"
        )


def _hash(path: str, size: int) -> str | None:
    return digest(Path(path)) if size <= HASHED_UP_TO else None


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
