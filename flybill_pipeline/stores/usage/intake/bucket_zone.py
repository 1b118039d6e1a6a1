"""A landing zone that is a bucket: which objects lie there, and how one is fetched. How to speak to it: `objects`."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from flybill_pipeline.billing.usage.files import LandedFile
from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.files.objects import Lying, Objects
from flybill_pipeline.stores.usage.intake.folder_zone import digest
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.zones import NONE_READ, AsRead, LandingError, hidden, matches

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOSECONDS = 1_000_000_000


class BucketZone:
    """The objects below `url`."""

    folder = None

    def __init__(self, url: str) -> None:
        self._objects = Objects(url)

    def files(
        self, sources: Iterable[SourceMapping], *, seen_only: bool, as_read: AsRead = NONE_READ
    ) -> Iterator[LandedFile]:
        """The files of each source. Raises LandingError when the bucket cannot be listed; `seen_only`: then none.

        Those `as_read` are among them: an object is the same by its tag, not by its size and time.
        """
        known = [(source, source.fingerprint()) for source in sources]
        try:
            for lying in self._objects.all():
                for source, fingerprint in known:
                    if matches(lying.path, source.files) and not hidden(PurePosixPath(lying.path).parts):
                        yield self._landed(lying, source, fingerprint)
        except ObjectsError as error:
            if not seen_only:
                raise LandingError(f"the landing zone cannot be looked into: {error}") from None

    def _landed(self, lying: Lying, source: SourceMapping, fingerprint: str) -> LandedFile:
        return LandedFile(
            source=source.key,
            path=lying.path,
            location="",
            size=lying.size,
            modified_ns=_second(lying) * NANOSECONDS,
            mapping_hash=fingerprint,
            content_hash=lambda: lying.tag or None,
            changed_ns=_second(lying) * NANOSECONDS + _within_the_second(lying.tag),
            whole=source.whole,
            all_there_is=source.table is not None,
            fetch=lambda place: self._objects.fetch(lying, Path(place)),
        )

    def has(self, path: str) -> bool:
        """Whether there is an object at this path. Raises LandingError."""
        return self._find(path) is not None

    def differs(self, path: str, file: Path) -> bool:
        """Whether what lies at `path` is not the same as `file`. Raises LandingError."""
        lying = self._find(path)
        if lying is None or lying.size != file.stat().st_size:
            return True
        with TemporaryDirectory() as work:
            there = Path(work) / "there"
            try:
                self._objects.fetch(lying, there)
            except ObjectsError as error:
                raise LandingError(f"{file}: was not landed: {error}") from None
            return digest(there) != digest(file)

    def put(self, file: Path, path: str) -> None:
        """Puts `file` there, all or nothing. Raises LandingError."""
        try:
            self._objects.put(file, path)
        except ObjectsError as error:
            raise LandingError(f"{file}: was not landed: {error}") from None

    def _find(self, path: str) -> Lying | None:
        try:
            return self._objects.find(path)
        except ObjectsError as error:
            raise LandingError(f"the landing zone cannot be looked into: {error}") from None


def _second(lying: Lying) -> int:
    """When it was put there: stores tell no more than seconds."""
    return (lying.modified - EPOCH) // timedelta(seconds=1)


def _within_the_second(tag: str) -> int:
    return int(hashlib.sha256(tag.encode()).hexdigest()[:8], 16) % NANOSECONDS
