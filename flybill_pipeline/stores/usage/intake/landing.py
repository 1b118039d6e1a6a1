"""The landing zone: where exporters put usage files. Finds files, and puts one in after checking that it can be read.

What becomes of a file's rows is in take.py; which files are new is in catalog.py.
"""

import errno
import filecmp
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache, partial
from itertools import takewhile
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb

from flybill_pipeline.billing.usage.files import Broken, LandedFile
from flybill_pipeline.stores.files.duck import Limits, duck_once
from flybill_pipeline.stores.files.folders import local_folder
from flybill_pipeline.stores.files.second_reader import fault_of_packing
from flybill_pipeline.stores.files.whole_copies import copy_whole
from flybill_pipeline.stores.usage.intake.judging import MACROS
from flybill_pipeline.stores.usage.intake.landed import Landed, refusal_of
from flybill_pipeline.stores.usage.intake.look import Look, look_into
from flybill_pipeline.stores.usage.intake.preview import InLake, Preview, preview
from flybill_pipeline.stores.usage.intake.readers import prepared
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.take import proven

HASHED_UP_TO = 8 * 1024 * 1024  # bytes; larger files are known by size and time of modification
LOOKED_AT = 100_000  # rows
LOOKED_THROUGH = 16 * 1024 * 1024  # bytes: a file up to this size is looked through as a whole
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
OF_THE_DISK = "lost+found"


T = TypeVar("T")
Tell = Callable[[duckdb.DuckDBPyConnection, Look], T]


def _as_it_is(_: duckdb.DuckDBPyConnection, look: Look) -> Look:
    return look


class LandingError(Exception):
    """The file cannot be landed; the message names the file, what is wrong and the remedy."""


class Landing:
    """The landing zone at `url`, read by `sources`."""

    def __init__(self, url: str, sources: Mapping[str, SourceMapping]) -> None:
        self.root = local_folder(url)
        self.sources = sources

    def files(self, *, seen_only: bool = False) -> Iterator[LandedFile]:
        """Every file that belongs to a source, oldest first: by time of modification, then source, then path.

        Raises LandingError when a folder cannot be looked into, as files that nobody sees would never be billed. For an
        answer that must not fail over it there is `seen_only`.
        """
        for source in () if seen_only else self.sources.values():
            _require_seen(self.root.joinpath(*_plain_parts(source.files)))
        above = len(str(self.root / "_")) - 1
        landed = [
            (status.st_mtime_ns, source.key, path, status)
            for source in self.sources.values()
            for path in map(str, self.root.glob(source.files))
            if not _hidden(path[above:].split("/"))
            for status in _status(path)
        ]
        fingerprints = {source.key: source.fingerprint() for source in self.sources.values()}
        wholes = {source.key: source.whole for source in self.sources.values()}
        leads_elsewhere = self._links()
        for modified_ns, key, path, status in sorted(landed):
            yield LandedFile(
                source=key,
                path=_shown(path[above:]),
                location=path,
                size=status.st_size,
                modified_ns=modified_ns,
                mapping_hash=fingerprints[key],
                content_hash=partial(_hash, path, status.st_size),
                changed_ns=status.st_ctime_ns,
                elsewhere=leads_elsewhere(path),
                whole=wholes[key],
            )

    def source_ids(self) -> list[str]:
        """The ids of all sources."""
        return [source.key for source in self.sources.values()]

    def has(self, path: str) -> bool:
        """Whether there is a file at this path below the landing zone."""
        return (self.root / path).is_file()

    def _links(self) -> Callable[[str], bool]:
        """Whether a file is in another place: somebody who may write here could link to one that only we can read.

        Each folder is followed but once: there may be a year of files in it.
        """
        root = self.root.resolve()
        inside = cache(lambda place: Path(place).resolve().is_relative_to(root))
        return lambda path: not inside(path if os.path.islink(path) else path.rpartition("/")[0])  # noqa: PTH114

    def land(self, file: Path, source_name: str, *, replace: bool = False) -> Landed:
        """Copies `file` to `<landing>/<source>/<file's name>`, all or nothing, if its source mapping can read it.

        The folder has the source's name, or its id, where the source finds files of that folder only.

        Where a file of that name with other content lies already, the content's hash becomes part of the name: two
        exports called usage.csv are two files, and nothing that was landed is written over, unless told to `replace`
        it: then what it said is taken back.
        Raises LandingError when there is no such source or file, or the source would not find it. So it does when none
        of its rows can be read, many have the id of another one with other content, or all would count a second time.
        """
        source, path = self._place_of(file, source_name)
        look = self._look_into(file, source, _as_it_is)
        if refusal := refusal_of(look, source):
            raise LandingError(f"{file}: {refusal}")
        try:
            return self._put(file, path, look, replace=replace, again=source.event_id is None)
        except OSError as error:
            raise LandingError(
                f"{file}: was not landed, and nothing of it is left in the landing zone: {error.strerror or error}; "
                "land it again when that is mended"
            ) from None

    def preview(self, file: Path, source_name: str, lake: InLake) -> Preview:
        """What the source makes of the file; `pieces` are the lake's files of events. Stores nothing.

        Raises LandingError when there is no such source or file, or it cannot be read at all.
        """
        source, _ = self._place_of(file, source_name)
        return self._look_into(
            file, source, lambda connection, look: preview(connection, look, source, lake), (lake.root,)
        )

    def _place_of(self, file: Path, source_name: str) -> tuple[SourceMapping, str]:
        """The source, and where its file would be landed. Raises LandingError."""
        source = self.sources.get(source_name)
        if source is None:
            raise LandingError(f"there is no source {source_name!r}; sources.toml has {', '.join(self.sources)}")
        if not file.is_file():
            problem = "it is a folder, a pipe or a device: name a file" if file.exists() else "no such file"
            raise LandingError(f"{file}: {problem}")
        path = f"{_folder(file, source)}/{file.name}"
        if _hidden(PurePosixPath(path).parts):
            raise LandingError(
                f"{file}: would never be read: names that begin with a dot or an underscore are files that are still "
                "being written; rename the file"
            )
        return source, path

    def _put(self, file: Path, path: str, look: Look, *, replace: bool, again: bool) -> Landed:
        """`again`: the rows of a file that has grown would count a second time under another name."""
        target = self.root / path
        if target.exists() and not filecmp.cmp(file, target, shallow=False) and not replace:
            if again:
                raise LandingError(
                    f"{file}: {path} was landed with other content, and as each row is an event of its own, rows that "
                    "are in both would count twice. Land it with --replace to take the place of that file, or rename it"
                )
            path = f"{PurePosixPath(path).parent}/{_with_hash(file)}"
            target = self.root / path
        if target.exists() and not replace:
            return Landed(path, already_there=True, look=look)
        copy_whole(file, target)
        return Landed(path, already_there=False, look=look)

    def _look_into(self, file: Path, source: SourceMapping, tell: Tell[T], reads: Collection[Path] = ()) -> T:
        """What `tell` says of a look at the file. Raises LandingError where nobody can look."""
        try:
            packing = fault_of_packing(file)
            if packing is not None:
                raise LandingError(f"{file}: cannot be read as {source.format}: {packing}")
            return _looked(file, source, tell, reads)
        except UnreadableFileError as error:
            raise LandingError(f"{file}: {error}; {error.remedy}") from None
        except (duckdb.Error, OSError, EOFError, MemoryError) as error:
            raise LandingError(f"{file}: {_why(file, source, error)}") from None


def _looked(file: Path, source: SourceMapping, tell: Tell[T], reads: Collection[Path], *, far_times: bool = False) -> T:
    """`reads` are the folders that telling reads; where there are any, it is told of the whole file."""
    most = None if reads or file.stat().st_size <= LOOKED_THROUGH else LOOKED_AT
    try:
        with (
            TemporaryDirectory() as work,
            duck_once(Path(work), Limits(reads=(file, *reads)), MACROS) as connection,
            prepared(str(file), file.name, source, Path(work), far_times=far_times) as given,
        ):
            return tell(connection, look_into(connection, given, source, datetime.now(UTC), most))
    except duckdb.ConversionException:
        if far_times or source.format != "parquet":
            raise
        return _looked(file, source, tell, reads, far_times=True)


def _why(file: Path, source: SourceMapping, error: Exception) -> str:
    outcome = proven(file, source, error)
    if isinstance(outcome, Broken):
        return f"cannot be read as {source.format}: {outcome.reason}"
    return f"was not landed, as nobody could look into it: {outcome.reason}; land it again when that is mended"


def _folder(file: Path, source: SourceMapping) -> str:
    """The folder below the landing zone in which the source finds the file. Raises LandingError when there is none."""
    for folder in (source.name, source.key):
        if _matches(f"{folder}/{file.name}", source.files):
            return folder
    raise LandingError(
        f"{file}: source {source.name!r} reads {source.files}, which does not match {source.name}/{file.name}; "
        "rename the file or correct `files` in sources.toml"
    )


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
        folders[:] = [name for name in folders if not _hidden([name]) and name != OF_THE_DISK]


def _not_seen(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # just taken away, or a file of that name
        raise LandingError(
            f"{error.filename}: this folder of the landing zone cannot be looked into: {error.strerror}; "
            "let the account that flybill runs as read and enter it"
        )


def _hidden(parts: Iterable[str]) -> bool:
    """Temporary names of exporters and of `land` itself start with a dot or an underscore."""
    return any(part.startswith((".", "_")) for part in parts)


def _matches(path: str, pattern: str) -> bool:
    """Whether a glob would find `path`; `**` stands for any number of folders, none too."""
    return _match_parts(PurePosixPath(path).parts, PurePosixPath(pattern).parts)


def _match_parts(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_match_parts(path[skip:], pattern[1:]) for skip in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _match_parts(path[1:], pattern[1:])


def _with_hash(file: Path) -> str:
    """The file's name with its content in it: usage-3f2a9c1b.jsonl.gz."""
    stem, dot, suffixes = file.name.partition(".")
    return f"{stem}-{_digest(file)[:8]}{dot}{suffixes}"


def _hash(path: str, size: int) -> str | None:
    return _digest(Path(path)) if size <= HASHED_UP_TO else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
