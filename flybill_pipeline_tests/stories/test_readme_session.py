"""What README tells a newcomer to type is typed as it stands there, and answers what it shows."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill
from flybill_pipeline_tests.worlds.emulator import Emulators

DATA = text_of("README.md").split("## Your own data")[1]
SESSION = re.findall(r"^```\n(.*?)^```", DATA, re.MULTILINE | re.DOTALL)[0]


def typed(flybill: Flybill, line: str) -> str:
    """What a line of the session prints; the shell does what is no command of flybill."""
    name, *arguments = shlex.split(line)
    if name != "flybill":
        return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
    ran = flybill(*arguments)
    assert ran.status == 0, ran
    return ran.out


def test_a_newcomers_first_session(
    deploy: Deployments, emulators: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        for samples in ("FLYBILL_PRICES", "FLYBILL_SOURCES"):
            del flybill.environment[samples]
        lines = SESSION.splitlines()
        printed = [typed(flybill, line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ") and line != "…"]
    assert len(shown) >= 3
    assert [line for line in shown if line not in printed[-1].splitlines()] == []
