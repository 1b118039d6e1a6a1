"""Writes a file that is kept: whole or not at all, and in the place of no folder or device; makes its folder.

Not here: what is in it.
"""

import os
from pathlib import Path

from flybill_pipeline.stores.files.whole_copies import written_whole
from flybill_pipeline.stores.postgres.shortages import shortage


class ExportError(Exception):
    """Nothing can be written at this path; the message says why, and what to do."""


def keep(text: str, path: Path) -> None:
    """Writes `text` as UTF-8. An older file stays as it is until the new one is whole; its rights are kept.

    A link is followed. Raises ExportError for a wrong path, OSError when the machine is short of something.
    """
    target = Path(os.path.realpath(path))
    try:
        _write(text.encode(), target)
    except IsADirectoryError:
        raise ExportError(f"{path} is a folder: name a file in it") from None
    except OSError as error:
        if shortage(error):
            raise
        raise ExportError(f"{path} cannot be written: {_reason(error, target)}") from None


def make_folder(path: Path) -> None:
    """Makes the folder, and those above it. Raises ExportError, or OSError when the machine is short of something."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if shortage(error):
            raise
        raise ExportError(f"{path} cannot be made as a folder: {error.strerror}") from None


def _write(content: bytes, target: Path) -> None:
    if target.exists() and not target.is_file():
        target.write_bytes(content)  # a pipe or a device: there is nothing to replace; a folder: refused
        return
    with written_whole(target) as new:
        new.write_bytes(content)
        if target.exists():
            new.chmod(target.stat().st_mode & 0o777)


def _reason(error: OSError, target: Path) -> str:
    return f"{error.strerror}" if target.parent.is_dir() else f"{target.parent} is no folder; make it first"
