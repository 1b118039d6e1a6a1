"""The landing zone: where exporters put usage files. Finds files, and puts one in after checking that it can be read.

What becomes of a file's rows is in take.py; which files are new is in catalog.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb

from flybill_pipeline.billing.usage.files import FIRST_DAY, Broken, LandedFile
from flybill_pipeline.stores.files.duck import Limits, duck_once
from flybill_pipeline.stores.files.second_reader import fault_of_packing
from flybill_pipeline.stores.usage.intake.columns import value_in
from flybill_pipeline.stores.usage.intake.folder_zone import digest
from flybill_pipeline.stores.usage.intake.judging import MACROS
from flybill_pipeline.stores.usage.intake.kinds import explained, require_kind
from flybill_pipeline.stores.usage.intake.landed import Landed, refusal_of
from flybill_pipeline.stores.usage.intake.look import Look, look_into
from flybill_pipeline.stores.usage.intake.open_zone import zone_at
from flybill_pipeline.stores.usage.intake.preview import InLake, Preview, preview
from flybill_pipeline.stores.usage.intake.readers import Repair, prepared, repaired
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.take import AGAIN, proven
from flybill_pipeline.stores.usage.intake.zones import NONE_READ, AsRead, LandingError, hidden, matches, oldest_first

__all__ = ["Landing", "LandingError"]

LOOKED_AT = 100_000  # rows
LOOKED_THROUGH = 16 * 1024 * 1024  # bytes: a file up to this size is looked through as a whole


_Place = tuple[SourceMapping, str]
"""The source of a file, and where it is, or would be, below the landing zone."""
T = TypeVar("T")
Tell = Callable[[duckdb.DuckDBPyConnection, Look], T]


def _as_it_is(_: duckdb.DuckDBPyConnection, look: Look) -> Look:
    return look


class Landing:
    """The landing zone at `url`, read by `sources`."""

    def __init__(self, url: str, sources: Mapping[str, SourceMapping], first_day: date = FIRST_DAY) -> None:
        self._zone = zone_at(url)
        self.sources = sources
        self.first_day = first_day

    def files(self, *, seen_only: bool = False, as_read: AsRead = NONE_READ) -> Iterator[LandedFile]:
        """Every file that belongs to a source, oldest first: by time of modification, then source, then path. Those
        `as_read` may be left out.

        Raises LandingError when a folder cannot be looked into, as files that nobody sees would never be billed. For an
        answer that must not fail over it there is `seen_only`.
        """
        landed = self._zone.files(self.sources.values(), seen_only=seen_only, as_read=as_read)
        yield from oldest_first(landed)

    @property
    def folder(self) -> Path | None:
        """The folder that the landing zone is; None for a bucket."""
        return self._zone.folder

    @property
    def root(self) -> Path:
        """The folder, where it is known to be one."""
        assert self.folder is not None, "the landing zone is a bucket"
        return self.folder

    def source_ids(self) -> list[str]:
        """The ids of all sources."""
        return [source.key for source in self.sources.values()]

    def has(self, path: str) -> bool:
        """Whether there is a file at this path below the landing zone."""
        return self._zone.has(path)

    def land(self, file: Path, source_name: str, *, replace: bool = False) -> Landed:
        """Copies `file` to `<landing>/<source>/<file's name>`, all or nothing, if its source mapping can read it.

        The folder has the source's name, or its id, where the source finds files of that folder only. Folders that the
        mapping reads a value of come along.

        Where a file of that name with other content lies already, the content's hash becomes part of the name: two
        exports called usage.csv are two files, and nothing that was landed is written over, unless told to `replace`
        it: then what it said is taken back.
        Raises LandingError when there is no such source or file, or the source would not find it. So it does when none
        of its rows can be read, many have the id of another one with other content, or all would count a second time.
        """
        source, path = self._place_of(file, source_name)
        look = self._look_into(file, (source, path), _as_it_is)
        if refusal := refusal_of(look, source):
            raise LandingError(f"{file}: {refusal}")
        try:
            again = source.event_id is None and not source.whole  # of whole files only the last one counts
            return self._put(file, path, look, replace=replace, again=again)
        except OSError as error:
            raise LandingError(
                f"{file}: was not landed, and nothing of it is left in the landing zone: {error.strerror or error}; "
                "land it again when that is mended"
            ) from None

    def bring(self, location: str, path: str) -> bool:
        """Puts the totals of a day to `path`, if they say something else than what is there; says whether they did."""
        if self.holds(location, path):
            return False
        self._zone.put(Path(location), path)
        return True

    def holds(self, location: str, path: str) -> bool:
        """Whether the totals of a day are what is at `path`."""
        return self._zone.has(path) and not self._zone.differs(path, Path(location))

    def preview(self, file: Path, source_name: str, lake: InLake) -> Preview:
        """What the source makes of the file; `pieces` are the lake's files of events. Stores nothing.

        Raises LandingError when there is no such source or file, or it cannot be read at all.
        """
        return self._preview(file, self._place_of(file, source_name), lake)

    def preview_totals(self, file: Path, source: SourceMapping, lake: InLake) -> Preview:
        """The same of a file that is there for sure, such as one with totals of a table."""
        return self._preview(file, (source, file.name), lake)

    def _preview(self, file: Path, place: _Place, lake: InLake) -> Preview:
        return self._look_into(
            file, place, lambda connection, look: preview(connection, look, place[0], lake), (lake.root,)
        )

    def _place_of(self, file: Path, source_name: str) -> tuple[SourceMapping, str]:
        """The source, and where its file would be landed. Raises LandingError."""
        source = self.sources.get(source_name)
        if source is None:
            raise LandingError(f"there is no source {source_name!r}; sources.toml has {', '.join(self.sources)}")
        if source.table is not None:
            raise LandingError(f"{file}: source {source_name!r} reads a table of an engine, and no files")
        if not file.is_file():
            problem = "it is a folder, a pipe or a device: name a file" if file.exists() else "no such file"
            raise LandingError(f"{file}: {problem}")
        below = _below(file, source)
        path = f"{_folder(file, source, below)}/{below}"
        if hidden(PurePosixPath(path).parts):
            raise LandingError(
                f"{file}: would never be read: names that begin with a dot or an underscore are files that are still "
                "being written; rename the file"
            )
        return source, path

    def _put(self, file: Path, path: str, look: Look, *, replace: bool, again: bool) -> Landed:
        """`again`: the rows of a file that has grown would count a second time under another name."""
        if not replace and self._zone.has(path) and self._zone.differs(path, file):
            if again:
                raise LandingError(
                    f"{file}: {path} was landed with other content, and as each row is an event of its own, rows that "
                    "are in both would count twice. Land it with --replace to take the place of that file, or rename it"
                )
            path = f"{PurePosixPath(path).parent}/{_with_hash(file)}"
        if not replace and self._zone.has(path):
            return Landed(path, already_there=True, look=look)
        self._zone.put(file, path)
        return Landed(path, already_there=False, look=look)

    def _look_into(self, file: Path, place: _Place, tell: Tell[T], reads: Collection[Path] = ()) -> T:
        """What `tell` says of a look at the file. Raises LandingError where nobody can look."""
        try:
            packing = fault_of_packing(file)
            if packing is not None:
                raise LandingError(f"{file}: cannot be read as {place[0].format}: {packing}")
            looked = partial(_looked, file, place, tell, reads, self.first_day)
            return repaired(looked, place[0])
        except UnreadableFileError as error:
            told = explained(error, file, place[0])
            raise LandingError(f"{file}: {told}; {told.remedy}") from None
        except (duckdb.Error, OSError, EOFError, MemoryError) as error:
            raise LandingError(f"{file}: {_why(file, place[0], error)}") from None


def _looked(
    file: Path,
    place: _Place,
    tell: Tell[T],
    reads: Collection[Path],
    first_day: date,
    repair: Repair,
) -> T:
    """`reads` are the folders that telling reads; where there are any, it is told of the whole file."""
    source, path = place
    most = None if reads or file.stat().st_size <= LOOKED_THROUGH else LOOKED_AT
    with (
        TemporaryDirectory() as work,
        duck_once(Path(work), Limits(reads=(file, *reads)), MACROS) as connection,
        prepared(str(file), path, source, Path(work), repair) as given,
    ):
        look = look_into(connection, given, source, datetime.now(UTC), most, first_day)
        if look.bad:
            require_kind(file, source, look.rows - look.bad)
        return tell(connection, look)


def _why(file: Path, source: SourceMapping, error: Exception) -> str:
    outcome = proven(file, source, error)
    if isinstance(outcome, Broken):
        remedy = "" if outcome.remedy == AGAIN else f"; {outcome.remedy}"
        return f"cannot be read as {source.format}: {outcome.reason}{remedy}"
    return f"was not landed, as nobody could look into it: {outcome.reason}; land it again when that is mended"


def _below(file: Path, source: SourceMapping) -> str:
    """The file's name, below the folders that the mapping reads a value of; of several that fit the last ones."""
    _, *folders, name = file.absolute().parts
    asked = {pattern for value in source.values() for pattern in value.paths() if value_in(name, pattern) is None}
    fitting = [[nth for nth, part in enumerate(folders) if value_in(part, each) is not None] for each in asked]
    first = min((found[-1] for found in fitting if found), default=len(folders))
    return "/".join([*folders[first:], name])


def _folder(file: Path, source: SourceMapping, below: str) -> str:
    """The folder below the landing zone in which the source finds the file. Raises LandingError when there is none."""
    for folder in (source.name, source.key):
        if matches(f"{folder}/{below}", source.files):
            return folder
    raise LandingError(
        f"{file}: source {source.name!r} reads {source.files}, which does not match {source.name}/{below}; "
        "rename the file or correct `files` in sources.toml"
    )


def _with_hash(file: Path) -> str:
    """The file's name with its content in it: usage-3f2a9c1b.jsonl.gz."""
    stem, dot, suffixes = file.name.partition(".")
    return f"{stem}-{digest(file)[:8]}{dot}{suffixes}"
