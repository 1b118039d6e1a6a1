"""Whether the files of the lake are still as they were written: there, of their size, and with their checksum.

Who reads them: lake.py and the months. What they hold: not here.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from flybill_pipeline.stores.files.folders import ObjectsError, is_there
from flybill_pipeline.stores.usage.lake.ownership import LakeError, require_own_lake
from flybill_pipeline.stores.usage.lake.storage import Storage
from flybill_pipeline.stores.usage.lake.tables import lake_files, landed_files


class _Known(NamedTuple):
    size: int
    checksum: str


class Guard:
    """Knows the files of the lake in `storage`, by the database behind `engine`."""

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self._storage, self._root, self._engine = storage, storage.root, engine
        self._seen: dict[str, tuple[int, ...]] = {}
        self._sized: dict[str, tuple[int, ...]] = {}
        self._recorded = set[str]()
        self._ours = False

    def require_own(self) -> None:
        """Raises LakeError when the lake is another deployment's; asked once."""
        if not self._ours:
            require_own_lake(self._storage, self._engine)
            self._ours = True

    def keep(self, paths: Iterable[str]) -> None:
        """Records the files as they are now: they have just been written. Raises LakeError where that cannot be."""
        found = self._all_there(list(paths))
        if not found:
            return
        rows = [{"path": path, **self._now(path)._asdict()} for path in found]
        self._moved(self._storage.send, list(found))
        self._seen |= found
        new = upsert(lake_files).values(rows)
        changed = {"size": new.excluded.size, "checksum": new.excluded.checksum, "recorded_at": func.now()}
        with self._engine.begin() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=["path"], set_=changed))

    def require(self, paths: Iterable[str], *, contents: bool) -> None:
        """Raises LakeError when one of the files is not there or has another size; with `contents`, another checksum.

        A file is read through once; again when anything about it changed. Of a copy the contents are always looked at:
        it may be of the lake as it was before a restore. One that was written before checksums were kept is recorded
        when its contents are first asked for.
        """
        self.require_own()
        found = self._all_there(list(paths))
        contents = contents or self._storage.is_copy
        fine = (self._seen,) if contents else (self._seen, self._sized)
        new = [path for path, there in found.items() if all(of.get(path) != there for of in fine)]
        known = self._known(new)
        other = [path for path in new if path in known and found[path][0] != known[path].size]
        found |= self._fetched(other)
        for path in new:
            if path in known and found[path][0] != known[path].size:
                raise LakeError(self._sentence(path, "has another size than when it was written"))
            self._sized[path] = found[path]
        if not contents:
            return
        self.keep(path for path in new if path not in known)
        altered = [path for path in new if path in known and self._now(path) != known[path]]
        found |= self._fetched(altered)
        for path in altered:
            if self._now(path) != known[path]:
                raise LakeError(self._sentence(path, "was altered since it was written"))
        self._seen |= {path: found[path] for path in new if path in known}

    def mend(self, paths: Sequence[str]) -> int:
        """Sends those of the files again that are lost where all machines find them; returns how many.

        Raises LakeError where this machine has no copy either: another one may have it.
        """
        known = self._known(paths)
        try:
            lost = self._storage.lost({path: each.size for path, each in known.items()})
        except ObjectsError as error:
            raise LakeError(
                f"{error}. Nobody knows whether all files of the lake are there; start this again"
            ) from None
        here = [path for path in lost if is_there(self._root / path) and self._now(path) == known[path]]
        self._moved(self._storage.send, here)
        if nowhere := [path for path in lost if path not in here]:
            raise LakeError(
                f"{len(nowhere)} files that are needed are gone from {self._storage.shown}, or not as they were "
                f"written, and this machine has no copy, such as {nowhere[0]}. A machine that has one sends it when it "
                f"ends a `flybill close`; else put them back from a backup, or {self._remedy(nowhere[0])}"
            )
        return len(here)

    def has(self, path: str) -> bool:
        """Whether the database knows the file, and it is there, or could be fetched now. Raises LakeError.

        What it holds is not looked at. One that the database does not know is of a future that a restore took back, or
        of a process that was killed, and may hold other things than its name says today.
        """
        if not self._known_of([path]):
            return False
        if not is_there(self._root / path):
            self._moved(self._storage.fetch, [path])
        return is_there(self._root / path)

    def here(self, paths: Iterable[str]) -> Collection[str]:
        """Those of the files that the database knows and that need not be fetched."""
        return self._known_of([path for path in paths if is_there(self._root / path)])

    def _known_of(self, paths: Sequence[str]) -> Collection[str]:
        """Those that are recorded, which stays so."""
        self._recorded.update(self._known([path for path in paths if path not in self._recorded]))
        return self._recorded.intersection(paths)

    def _all_there(self, paths: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The signature of each file; those that are not here are fetched. Raises LakeError where one is nowhere."""
        here = {path: _signature(self._root / path) for path in paths}
        found = {path: signature for path, signature in here.items() if signature is not None}
        return found | self._fetched([path for path in paths if path not in found])

    def _fetched(self, paths: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The signatures of files that are not here, or not as they were written, once they were fetched again."""
        self._moved(self._storage.fetch, paths)
        found = dict[str, tuple[int, ...]]()
        for path in paths:
            signature = _signature(self._root / path)
            if signature is None:
                raise LakeError(self._sentence(path, "is gone"))
            found[path] = signature
        return found

    def _moved(self, move: Callable[[Sequence[str]], None], paths: Sequence[str]) -> None:
        if not paths:
            return
        try:
            move(paths)
        except ObjectsError as error:
            raise LakeError(f"{error}. Nothing is billed while the lake cannot be read; start this again") from None

    def _known(self, paths: Sequence[str]) -> Mapping[str, _Known]:
        if not paths:
            return {}
        query = select(lake_files).where(lake_files.c.path.in_(paths))
        with self._engine.connect() as connection:
            return {row.path: _Known(row.size, row.checksum) for row in connection.execute(query)}

    def _now(self, path: str) -> _Known:
        with (self._root / path).open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        return _Known((self._root / path).stat().st_size, checksum)

    def _sentence(self, path: str, happened: str) -> str:
        return (
            f"{self._storage.shown}/{path}, a file of the lake, {happened}, so nothing is billed from it. "
            f"Put it back from a backup, or {self._remedy(path)}; then start this again"
        )

    def _remedy(self, path: str) -> str:
        kind, day = PurePosixPath(path).parts[0], PurePosixPath(path).parts[1].removeprefix("day=")
        if kind in ("daily", "excluded", "owners"):
            return f"materialize `raw_usage` and `daily_usage` of {day} in Dagster's UI, which make it again"
        if kind == "measures":
            return "delete it: it is measured again"
        landed = self._landed(PurePosixPath(path).name)
        return f"change the landed file {landed}, as by a blank line at its end, so that it is read again"

    def _landed(self, name: str) -> str:
        query = select(landed_files.c.path).where(landed_files.c.arrival == int(name.partition("-")[0]))
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none() or "that it came from"


def _signature(file: Path) -> tuple[int, ...] | None:
    """What changes when anything about the file does; None where there is none."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
