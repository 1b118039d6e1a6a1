"""Names under which DuckDB takes a file or folder as it is, whatever it is called. Knows nothing of what is in them.

DuckDB takes `*`, `?` and `[` in a path for a pattern and reads other files in its place; there is no way to quote them
that holds for a backslash too. A path with such marks, or one that is no UTF-8, is reached through a link with a plain
name, in a folder of this process that is gone when it ends.
"""

import re
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from threading import Lock

_PATTERN = re.compile(r"[*?\[\\\x00\ud800-\udfff]")
"""What makes a name a pattern, and what stands in Python for bytes that are no UTF-8."""


def literal_name(path: Path) -> str:
    """A name for `path`, which must be absolute; itself unless DuckDB would read something else into it."""
    odd = [place for place, part in enumerate(path.parts) if _PATTERN.search(part)]
    if not odd:
        return str(path)
    last = odd[-1] + 1
    return str(Path(_links.to(Path(*path.parts[:last])), *path.parts[last:]))


class _Links:
    """The links of this process, each made when it is first needed, and again when somebody swept it away."""

    def __init__(self) -> None:
        self._lock, self._numbers = Lock(), count(1)
        self._folder: TemporaryDirectory[str] | None = None
        self._known: dict[Path, Path] = {}

    def to(self, target: Path) -> Path:
        """A link to `target`, with its suffix: by that DuckDB knows how a file is packed."""
        with self._lock:
            link = self._known.get(target)
            if link is None or not link.is_symlink():
                suffix = "" if _PATTERN.search(target.suffix) else target.suffix
                link = self._place() / f"{next(self._numbers)}{suffix}"
                link.symlink_to(target)
                self._known[target] = link
            return link

    def _place(self) -> Path:
        if self._folder is None or not Path(self._folder.name).is_dir():
            temporary = gettempdir()
            self._folder = TemporaryDirectory(
                prefix="flybill-names-",
                dir="/tmp" if _PATTERN.search(temporary) else temporary,  # noqa: S108
            )
        return Path(self._folder.name)


_links = _Links()
