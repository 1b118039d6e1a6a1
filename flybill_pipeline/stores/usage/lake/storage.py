"""Where a lake lies: in a folder, or in a bucket with a copy on this machine. What its files hold: not here.

Files of a lake do not change once the database knows them, so a copy is good while its checksum is that of the
database. All reading and writing is done in the copy. A file goes to the bucket before the database knows it. It comes
from there when it is read and is not here. The copy may be deleted whenever nothing runs.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from flybill_pipeline.stores.files.folders import ObjectsError, in_bucket, local_folder, place_of
from flybill_pipeline.stores.files.whole_copies import written_whole

NOTE = "deployment.txt"
"""Its name begins with no dot, so that a copy of the lake, as a backup makes one, has it too."""
KEPT = ("daily", "events", "excluded", "measures", "quarantine")
COPY = "lake-copy"
AT_ONCE = 8
"""Files that are fetched or sent at the same time."""
LONGEST_NOTE = 200
_NO_PATH_OF_AN_ADDRESS = frozenset("#?")


class Storage(Protocol):
    """One lake. `root` is the folder in which its files are read and written, `shown` its address for people; `is_copy`
    where it lies elsewhere.

    Every method but those that say so may raise ObjectsError where the lake is a bucket.
    """

    root: Path
    shown: str
    is_copy: bool

    def send(self, paths: Iterable[str]) -> None:
        """Puts files that were written below `root` where all machines find them."""

    def fetch(self, paths: Iterable[str]) -> None:
        """Brings those of the files that there are to `root`, also where another file of that name is there."""

    def read(self, path: str) -> str | None:
        """The words of a small file; None where there is none. Raises OSError, UnicodeDecodeError."""

    def claim(self, words: str) -> None:
        """Writes NOTE, whole or not at all, and never over another one: of two that claim at once, one does."""

    def has_any(self, paths: Iterable[str]) -> bool:
        """Whether there is one of these files or folders."""

    def written(self, folder: str) -> Mapping[str, datetime]:
        """The files below a folder, and when each was written."""

    def lost(self, sizes: Mapping[str, int]) -> list[str]:
        """Those of these files that are not where all machines find them, or have another size there.

        None of a folder: what is read there is what there is.
        """

    def remove(self, paths: Iterable[str]) -> None:
        """Takes files away for good, also those that are not there."""

    def forget(self, folder: str, kept: Collection[str], before: datetime) -> None:
        """Takes from the copy what is not `kept`, and was written before then."""

    def write(self, words: str, path: str) -> None:
        """Makes a file of these words, whole or not at all, in place of another one."""

    def address(self, path: str) -> str:
        """Where a file is, as the lake's open tables name it."""

    def path(self, address: str) -> str:
        """The file at such an address."""


def storage_at(url: str, home: Path) -> Storage:
    """The lake at an address; its folder is made. Of a bucket the copy is below `home`. Raises AddressError."""
    return InBucket(url, local_folder(str(_copy(url, home)))) if in_bucket(url) else InFolder(local_folder(url))


def looked_at(url: str, home: Path) -> Storage:
    """The same, but nothing is made: for looking only. Raises AddressError."""
    return InBucket(url, _copy(url, home)) if in_bucket(url) else InFolder(place_of(url))


def _copy(url: str, home: Path) -> Path:
    """Each bucket has a copy of its own: files of two lakes may have the same names."""
    return home / COPY / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


class InFolder:
    """A lake in the folder `root`."""

    is_copy = False

    def __init__(self, root: Path) -> None:
        self.root, self.shown = root, str(root)

    def send(self, paths: Iterable[str]) -> None:
        """They are there."""

    def fetch(self, paths: Iterable[str]) -> None:
        """What is not there is nowhere."""

    def read(self, path: str) -> str | None:
        """See Storage."""
        try:
            return (self.root / path).read_text("utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def claim(self, words: str) -> None:
        """See Storage."""
        draft = self.root / f".{uuid4().hex}.partial"
        try:
            draft.write_text(f"{words}\n", "utf-8")
            os.link(draft, self.root / NOTE)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)

    def has_any(self, paths: Iterable[str]) -> bool:
        """See Storage."""
        return any((self.root / path).exists() for path in paths)

    def written(self, folder: str) -> Mapping[str, datetime]:
        """See Storage."""
        files = (file for file in sorted((self.root / folder).rglob("*")) if file.is_file())
        return {str(file.relative_to(self.root)): datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files}

    def lost(self, sizes: Mapping[str, int]) -> list[str]:
        """See Storage."""
        return []

    def remove(self, paths: Iterable[str]) -> None:
        """See Storage."""
        for path in paths:
            (self.root / path).unlink(missing_ok=True)

    def forget(self, folder: str, kept: Collection[str], before: datetime) -> None:
        """There is no copy."""

    def write(self, words: str, path: str) -> None:
        """See Storage."""
        with written_whole(self.root / path) as draft:
            draft.write_text(words, "utf-8")

    def address(self, path: str) -> str:
        """What an address cannot say is left as it is, which fewer engines can read."""
        place = str(self.root / path)
        return place if _NO_PATH_OF_AN_ADDRESS & set(place) else f"file://{place}"

    def path(self, address: str) -> str:
        """See Storage."""
        return address.removeprefix("file://").removeprefix(f"{self.root}/")


class InBucket:
    """A lake in the bucket at `url`, with its copy at `root`."""

    is_copy = True

    def __init__(self, url: str, root: Path) -> None:
        self.root, self.shown = root, url.rstrip("/")
        from flybill_pipeline.stores.files.objects import Objects  # where there is one

        self._objects = Objects(url)

    def send(self, paths: Iterable[str]) -> None:
        """See Storage."""
        self._at_once(lambda path: self._objects.put(self.root / path, path), paths)

    def fetch(self, paths: Iterable[str]) -> None:
        """See Storage."""
        self._at_once(self._fetched, paths)

    def _fetched(self, path: str) -> None:
        lying = self._objects.find(path)
        if lying is None:
            return
        place = self.root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(place) as draft:
                self._objects.fetch(lying, draft)
        except OSError as error:
            raise ObjectsError(f"{place.parent} cannot be written to: {error.strerror}") from None

    def read(self, path: str) -> str | None:
        """See Storage."""
        lying = self._objects.find(path)
        return None if lying is None else self._objects.part(lying, 0, LONGEST_NOTE).decode("utf-8").strip()

    def claim(self, words: str) -> None:
        """See Storage."""
        self._objects.create(f"{words}\n".encode(), NOTE)

    def has_any(self, paths: Iterable[str]) -> bool:
        """See Storage."""
        return any(self._objects.find(path) or any(self._objects.all(path)) for path in paths)

    def written(self, folder: str) -> Mapping[str, datetime]:
        """See Storage."""
        return {lying.path: lying.modified for lying in self._objects.all(folder)}

    def lost(self, sizes: Mapping[str, int]) -> list[str]:
        """See Storage."""
        folders = {path.partition("/")[0] for path in sizes}
        there = {lying.path: lying.size for folder in sorted(folders) for lying in self._objects.all(folder)}
        return [path for path, size in sizes.items() if there.get(path) != size]

    def forget(self, folder: str, kept: Collection[str], before: datetime) -> None:
        """See Storage."""
        here = InFolder(self.root)
        here.remove(path for path, at in here.written(folder).items() if path not in kept and at < before)

    def remove(self, paths: Iterable[str]) -> None:
        """See Storage."""
        gone = list(paths)
        self._at_once(self._objects.remove, gone)
        for path in gone:
            (self.root / path).unlink(missing_ok=True)

    def write(self, words: str, path: str) -> None:
        """See Storage."""
        self._objects.write(words.encode(), path)

    def address(self, path: str) -> str:
        """See Storage."""
        return f"{self.shown}/{path}"

    def path(self, address: str) -> str:
        """See Storage."""
        return address.removeprefix(f"{self.shown}/")

    def _at_once(self, do: Callable[[str], None], paths: Iterable[str]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(do, paths))
