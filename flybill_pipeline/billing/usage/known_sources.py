"""Whether each file still belongs to the source that read it: under another one its usage would be billed again."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from flybill_pipeline.billing.usage.files import LandedFile


class LostSourceError(Exception):
    """Files that were read belong to another source now, or to none. The message names both, and says what to do."""


def require_known_sources(
    files: Collection[LandedFile],
    read: Iterable[tuple[str, str]],
    sources: Collection[str],
    is_there: Callable[[str], bool],
) -> None:
    """Raises LostSourceError if a source has vanished, or if another one has found its files.

    `files` are those that the present `sources` (their ids) find. `read` has the source and path of every file that was
    read, `is_there` tells whether a path is in the landing zone still. The source's id is part of every event's key, so
    an event that another source reads is another event.
    """
    readers = _readers(read)
    _require_all_present(readers, sources, is_there)
    _require_same_readers(files, readers)


def _require_all_present(
    readers: dict[str, set[str]], sources: Collection[str], is_there: Callable[[str], bool]
) -> None:
    known = set(sources)
    for path, earlier in sorted(readers.items()):
        for source in sorted(earlier - known):
            if is_there(path):
                raise LostSourceError(
                    f"sources.toml has no source with the id {source!r} any more, but files that it read, such as"
                    f" {path}, are in the landing zone. If it has another name now, write id = {source!r} beside the"
                    " name, as its usage would be billed a second time under another id. If nobody needs it any more,"
                    " move its files out of the landing zone"
                )


def _require_same_readers(files: Collection[LandedFile], readers: dict[str, set[str]]) -> None:
    now = _readers((file.source, file.path) for file in files)
    for file in files:
        earlier = readers.get(file.path, set())
        gone = earlier - now[file.path]
        if gone and file.source not in earlier:
            raise LostSourceError(
                f"{file.path} was read by the source with the id {min(gone)!r}, and now the source {file.source!r}"
                " finds it instead, which would bill its usage a second time. Correct `files` in sources.toml, so that"
                f" it belongs to {min(gone)!r} again; new files may have a folder and a source of their own"
            )


def _readers(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Path → the ids of the sources that read, or find, it."""
    readers: dict[str, set[str]] = defaultdict(set)
    for source, path in pairs:
        readers[path].add(source)
    return readers
