"""Writes a file so that it is there whole or not at all, even when the disk is full. Whose file it is: not here."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

PARTIAL = ".partial"
GIVEN_UP_AFTER = 24 * 3600
"""Seconds after which nobody writes to a copy any more."""


def copy_whole(file: Path, to: Path) -> None:
    """Copies `file`; makes the folder, and sweeps what was left there by copies that were killed. Raises OSError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    _sweep(to.parent)
    with written_whole(to) as copy:
        shutil.copyfile(file, copy)


@contextmanager
def written_whole(to: Path) -> Iterator[Path]:
    """Yields where to write; what stands there in the end takes the place of `to`. Raises OSError."""
    copy = to.with_name(f".{uuid4().hex}{PARTIAL}")  # a name of its own, as two may write one file at once
    try:
        yield copy
        copy.replace(to)
    finally:
        copy.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f".*{PARTIAL}"):
        if left.is_file() and time.time() - left.stat().st_mtime > GIVEN_UP_AFTER:
            left.unlink(missing_ok=True)
