"""FLYBILL_HOME belongs to one user alone: made so, narrowed to it, or refused. What lies in it is no business of ours.

Everything that is kept for a deployment on one machine stands below it, customers' names and usage too; and a user who
may open a lock there could make every command wait.
"""

import os
import pwd
import stat
from pathlib import Path

OWN_MODE = 0o700
OTHERS = 0o077
OURS = frozenset({"dagster", "lake", "landing", "postgres", "run", "stripe-emulator.sqlite"})
"""What flybill itself makes there: a folder that has one of them is a home."""
LEFT_BY_THE_DISK = frozenset({"lost+found"})
SYSTEM = tuple(map(Path, ("/", "/etc", "/run", "/usr", "/usr/local", "/var")))
"""Folders whose own folders others need: `/tmp`, `/var/lib`, `/home`."""


class HomeError(Exception):
    """FLYBILL_HOME cannot be used as it is; the message says why, and what to do."""


def keep_to_ourselves() -> None:
    """From here on everything that this process and its children make is ours alone, wherever it lies."""
    os.umask(OTHERS)


def prepare_home(home: Path) -> None:
    """Makes the folder, or narrows it with all that is in it, to its owner: us. Raises HomeError.

    What this process and its children make from here on is ours alone too, in the home and elsewhere.
    """
    keep_to_ourselves()
    try:
        home.mkdir(mode=OWN_MODE, parents=True, exist_ok=True)
        _require_own_link(home)
        folder = home.stat()
        if folder.st_uid == os.geteuid():
            _narrow(home, folder.st_mode)
        else:
            _require_given(home, folder)
        _require_usable(home)
    except OSError as error:
        raise HomeError(f"FLYBILL_HOME={home}: this folder cannot be used: {error.strerror}") from None


def _require_own_link(home: Path) -> None:
    link = home.lstat()
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (os.geteuid(), 0):
        raise HomeError(f"FLYBILL_HOME={home}: this link belongs to {_name(link.st_uid)}, who may point it elsewhere")


def _narrow(home: Path, mode: int) -> None:
    if not mode & OTHERS:
        return
    held = {entry.name for entry in home.iterdir()} - LEFT_BY_THE_DISK
    if held and not held & OURS and _is_for_others(home, mode):
        better = home / "flybill"
        raise HomeError(
            f"FLYBILL_HOME={home}: others use this folder too. Name one for flybill alone, such as {better}"
        )
    home.chmod(OWN_MODE)
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            _narrow_one(Path(folder, name))


def _narrow_one(path: Path) -> None:
    entry = path.lstat()
    if entry.st_uid == os.geteuid() and entry.st_mode & OTHERS and not stat.S_ISLNK(entry.st_mode):
        path.chmod(stat.S_IMODE(entry.st_mode) & ~OTHERS)


def _is_for_others(home: Path, mode: int) -> bool:
    real = home.resolve()
    return bool(mode & stat.S_ISVTX) or real in SYSTEM or real.parent in SYSTEM or _is_home_of_ours(real)


def _is_home_of_ours(folder: Path) -> bool:
    try:
        return folder == Path.home().resolve()
    except RuntimeError:  # HOME is not set, and nobody here has our number
        return False


def _require_given(home: Path, folder: os.stat_result) -> None:
    """A folder of root's that we may write to was given to us, as volumes are; one that others may write to was not."""
    writable = folder.st_mode & stat.S_IWOTH
    shared = folder.st_mode & stat.S_IWGRP and folder.st_gid not in (os.getegid(), *os.getgroups())
    if folder.st_uid != 0 or writable or shared:
        raise HomeError(
            f"FLYBILL_HOME={home}: this folder belongs to {_name(folder.st_uid)}. "
            f"Name a folder of your own, run flybill as {_name(folder.st_uid)}, or give the folder to yourself (chown)"
        )


def _require_usable(home: Path) -> None:
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise HomeError(f"FLYBILL_HOME={home}: {_name(os.geteuid())} may not write here. Name a folder of your own")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
