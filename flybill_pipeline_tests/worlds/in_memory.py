"""Where tests keep what is thrown away after them: in memory, where the machine has room for it. Nothing that stays.

What is written safely waits for a disk, and a database is copied by the hundreds of its files.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 3 * 1024**3
"""A whole run was seen to take 0.7 GB of it."""


def throwaway_folder() -> Path:
    """The folder for databases and files of tests."""
    there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)
    return MEMORY if there and shutil.disk_usage(MEMORY).free > ROOM else Path(tempfile.gettempdir())


def keep_in_memory() -> None:
    """From now on this process, and those that it starts, make temporary files there: pytest's `tmp_path` too."""
    os.environ.setdefault("TMPDIR", str(throwaway_folder()))
    tempfile.tempdir = os.environ["TMPDIR"]
