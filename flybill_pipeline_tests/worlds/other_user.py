"""Programs run as another user of this machine, for tests that run as root. No assertions here."""

import os
import shutil
from collections.abc import Sequence

import pytest

ORDINARY = ("nobody", "nogroup")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run programs as somebody else")
needs_setpriv = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root, with setpriv, may run Python as another"
)


def as_ordinary_user(command: Sequence[str]) -> list[str]:
    """The command as a user who may write as others may, and read all: Python itself may lie in root's own folder."""
    user, group = ORDINARY
    reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    return ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", *reading, *command]


def as_stranger(command: Sequence[str]) -> list[str]:
    """The command as a user with no rights but those of all."""
    user, group = ORDINARY
    return ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", *command]
