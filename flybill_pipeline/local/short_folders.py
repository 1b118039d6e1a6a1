"""A short and plain name for a folder whose own name a socket or an address cannot carry. Nothing about who needs it.

A socket's path has about 107 bytes; an address passes through URLs, shells and configuration files, each with marks of
its own; and Dagster takes the name of its folder for a pattern. So a folder with a long or odd name is reached through
a link, in a folder with a random name that only we can open. Its place is noted; a note is believed only when it leads
to just such a folder with just such a link.
"""

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

LONGEST = 90
"""Bytes, which leave room for the socket's own name."""
PLAIN = re.compile(r"/[A-Za-z0-9_./-]*")
LINK = "at"


def plain_name(folder: Path, note: Path) -> Path:
    """The folder's own name where that will do everywhere, or else a short name, noted in the file `note`."""
    return folder if is_plain(folder) else short_name(folder, note)


def is_plain(folder: Path) -> bool:
    """Whether the folder can be named as it is, everywhere."""
    return len(os.fsencode(folder)) <= LONGEST and PLAIN.fullmatch(str(folder)) is not None


def noted(folder: Path, note: Path) -> Path | None:
    """The short name that `short_name` made for the folder, while it is there and ours alone; else None."""
    try:
        place = Path(note.read_text())
        mine = place.lstat()
        ours = stat.S_ISDIR(mine.st_mode) and mine.st_uid == os.geteuid() and not mine.st_mode & 0o077
        return place / LINK if ours and (place / LINK).readlink() == folder else None
    except (OSError, ValueError):
        return None


def short_name(folder: Path, note: Path) -> Path:
    """A short name for the folder, noted in the file `note`: the one that is there, or a new one. Raises OSError."""
    name = noted(folder, note)
    if name is None:
        place = Path(tempfile.mkdtemp(prefix="flybill-", dir=temporary_folder()))
        name = place / LINK
        try:
            name.symlink_to(folder)
            note.unlink(missing_ok=True)
            note.write_text(str(place))
        except OSError:  # a full disk: what is noted nowhere would stay for ever
            shutil.rmtree(place, ignore_errors=True)
            raise
    return name


def remove_short_name(folder: Path, note: Path) -> None:
    """Takes it away, if it is ours."""
    name = noted(folder, note)
    if name is not None:
        shutil.rmtree(name.parent, ignore_errors=True)
        note.unlink(missing_ok=True)


def temporary_folder() -> str:
    """Where temporary files belong, unless that name is long or odd itself."""
    place = Path(tempfile.gettempdir())
    return str(place) if is_plain(place / "flybill-12345678" / LINK) else "/tmp"  # noqa: S108 - mkdtemp's name is random
