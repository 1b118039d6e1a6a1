"""The landing zone: where exporters put usage files. Finds files, and puts one in after checking that it can be read.

What becomes of a file's rows is in take.py; which files are new is in catalog.py.
"""

import filecmp
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory, gettempdir

import duckdb

from flybill_pipeline.billing.usage.files import Broken, LandedFile
from flybill_pipeline.stores.files.duck import Limits, duck
from flybill_pipeline.stores.files.folders import local_folder
from flybill_pipeline.stores.files.second_reader import fault_of_packing
from flybill_pipeline.stores.files.whole_copies import copy_whole
from flybill_pipeline.stores.usage.intake.judging import MACROS
from flybill_pipeline.stores.usage.intake.look import Look, look_into
from flybill_pipeline.stores.usage.intake.readers import prepared
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.take import proven

HASHED_UP_TO = 8 * 1024 * 1024  # bytes; larger files are known by size and time of modification
LOOKED_AT = 100_000  # rows
LOOKED_THROUGH = 16 * 1024 * 1024  # bytes: a file up to this size is looked through as a whole
CONFLICTS_IN_HUNDRED = 1
"""A single corrected row among many is told. More of them, and the mapping's event_id does not tell events apart."""


class LandingError(Exception):
    """The file cannot be landed; the message names the file, what is wrong and the remedy."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a file now lies below the landing zone, whether the very same content was there already, what it has."""

    path: str
    already_there: bool
    look: Look

    @property
    def sentence(self) -> str:
        """What happened, for a person."""
        if self.already_there:
            return f"{self.path} was landed before with the same content."
        return " ".join(
            [f"Landed {self.path}: {_counted(self.look)}.", *_first_event(self.look), *_same_ids(self.look)]
        )


class Landing:
    """The landing zone at `url`, read by `sources`."""

    def __init__(self, url: str, sources: Mapping[str, SourceMapping]) -> None:
        self.root = local_folder(url)
        self.sources = sources

    def files(self) -> Iterator[LandedFile]:
        """Every file that belongs to a source, oldest first: by time of modification, then source, then path."""
        landed = [
            (status.st_mtime_ns, source.key, path, status)
            for source in self.sources.values()
            for path in self.root.glob(source.files)
            if not _hidden(path.relative_to(self.root))
            for status in _status(path)
        ]
        fingerprints = {source.key: source.fingerprint() for source in self.sources.values()}
        wholes = {source.key: source.whole for source in self.sources.values()}
        for modified_ns, key, path, status in sorted(landed):
            yield LandedFile(
                source=key,
                path=_shown(path.relative_to(self.root)),
                location=str(path),
                size=status.st_size,
                modified_ns=modified_ns,
                mapping_hash=fingerprints[key],
                content_hash=partial(_hash, path, status.st_size),
                changed_ns=status.st_ctime_ns,
                elsewhere=self._leads_elsewhere(path),
                whole=wholes[key],
            )

    def source_ids(self) -> list[str]:
        """The ids of all sources."""
        return [source.key for source in self.sources.values()]

    def has(self, path: str) -> bool:
        """Whether there is a file at this path below the landing zone."""
        return (self.root / path).is_file()

    def _leads_elsewhere(self, path: Path) -> bool:
        """Somebody who may write here could link to a file that only we can read."""
        return not path.resolve().is_relative_to(self.root.resolve())

    def land(self, file: Path, source_name: str) -> Landed:
        """Copies `file` to `<landing>/<source>/<file's name>`, all or nothing, if its source mapping can read it.

        The folder has the source's name, or its id, where the source finds files of that folder only.

        Where a file of that name with other content lies already, the content's hash becomes part of the name: two
        exports called usage.csv are two files, and nothing that was landed is ever written over.
        Raises LandingError when there is no such source or file, the source would not find the file, none of its rows
        can be read, or many have the id of another one with other content.
        """
        source = self.sources.get(source_name)
        if source is None:
            raise LandingError(f"there is no source {source_name!r}; sources.toml has {', '.join(self.sources)}")
        if not file.is_file():
            raise LandingError(f"{file}: no such file")
        folder = _folder(file, source)
        path = f"{folder}/{file.name}"
        if _hidden(PurePosixPath(path)):
            raise LandingError(
                f"{file}: would never be read: names that begin with a dot or an underscore are files that are still "
                "being written; rename the file"
            )
        look = self._look_into(file, source)
        try:
            return self._put(file, path, look)
        except OSError as error:
            raise LandingError(
                f"{file}: was not landed, and nothing of it is left in the landing zone: {error.strerror or error}; "
                "land it again when that is mended"
            ) from None

    def _put(self, file: Path, path: str, look: Look) -> Landed:
        if (self.root / path).exists() and not filecmp.cmp(file, self.root / path, shallow=False):
            path = f"{PurePosixPath(path).parent}/{_with_hash(file)}"
        target = self.root / path
        if target.exists():
            return Landed(path, already_there=True, look=look)
        copy_whole(file, target)
        return Landed(path, already_there=False, look=look)

    def _look_into(self, file: Path, source: SourceMapping) -> Look:
        try:
            packing = fault_of_packing(file)
            if packing is not None:
                raise LandingError(f"{file}: cannot be read as {source.format}: {packing}")
            look = _looked(file, source)
        except UnreadableFileError as error:
            raise LandingError(f"{file}: {error}; {error.remedy}") from None
        except (duckdb.Error, OSError, EOFError, MemoryError) as error:
            raise LandingError(f"{file}: {_why(file, source, error)}") from None
        if refusal := _refusal(look, source):
            raise LandingError(f"{file}: {refusal}")
        return look


def _looked(file: Path, source: SourceMapping, *, far_times: bool = False) -> Look:
    most = None if file.stat().st_size <= LOOKED_THROUGH else LOOKED_AT
    try:
        with (
            TemporaryDirectory() as work,
            duck(Path(gettempdir()), Limits(), MACROS) as connection,
            prepared(str(file), file.name, source, Path(work), far_times=far_times) as given,
        ):
            return look_into(connection, given, source, datetime.now(UTC), most)
    except duckdb.ConversionException:
        if far_times or source.format != "parquet":
            raise
        return _looked(file, source, far_times=True)


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


def _refusal(look: Look, source: SourceMapping) -> str | None:
    """Why the file must not be landed, with the remedy; None when it may."""
    if not look.rows:
        return "there is no row in it, so nothing would be billed: land it when there is one"
    if not look.readable:
        return (
            f"source {source.name!r} can read none of its {look.rows:,} rows; {look.first_fault}. The mapping expects"
            f" {', '.join(source.column_names())}: correct `columns` in sources.toml, or the file"
        )
    if look.conflicts * 100 > look.readable * CONFLICTS_IN_HUNDRED:
        names = ", ".join(column.name or column.described() for column in source.event_id or ())
        return (
            f"{look.conflicts:,} of {look.readable:,} rows have the id of an earlier row but other content, and would"
            f" not count; the event_id of source {source.name!r} is {names}: name every column there that tells"
            " events apart"
        )
    return None


def _counted(look: Look) -> str:
    rows = "1 row" if look.rows == 1 else f"{look.rows:,} rows"
    return f"{rows} looked at, {look.readable:,} can be read" + (f" ({look.first_fault})" if look.first_fault else "")


def _first_event(look: Look) -> Iterator[str]:
    if event := look.first_event:
        about = f"{event['org_id']}, {event['quantity'].rstrip('0').rstrip('.')} {event['meter']}"
        yield f"The first event is {event['event_id']}: {about} {event['dimensions']} at {event['occurred_at']} UTC."


def _same_ids(look: Look) -> Iterator[str]:
    if look.repeats:
        yield f"Rows that repeat an earlier one: {look.repeats:,}; each id counts once."
    if look.conflicts:
        yield f"Rows with the id of an earlier one but other content: {look.conflicts:,}; they will not count."


def _shown(path: Path) -> str:
    """The path as text; bytes of a name that are no UTF-8, which no store can keep, are spelled out."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _status(path: Path) -> list[os.stat_result]:
    """The status of a file, if it is one and has not just been taken away."""
    try:
        return [path.stat()] if path.is_file() else []
    except FileNotFoundError:
        return []


def _hidden(path: PurePath) -> bool:
    """Temporary names of exporters and of `land` itself start with a dot or an underscore."""
    return any(part.startswith((".", "_")) for part in path.parts)


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


def _hash(path: Path, size: int) -> str | None:
    return _digest(path) if size <= HASHED_UP_TO else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
