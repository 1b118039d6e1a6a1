"""A file that is read whole must be one: a pipe or a device may be waited for without end. No reading here."""

from pathlib import Path
from stat import S_ISDIR, S_ISREG


def require_regular(file: Path) -> None:
    """Raises OSError for a pipe, a socket or a device, and when there is nothing; a folder is left to its reader."""
    mode = file.stat().st_mode
    if not S_ISREG(mode) and not S_ISDIR(mode):
        raise OSError("it is a pipe or a device, no file: write what it gives to a file, and name that")
