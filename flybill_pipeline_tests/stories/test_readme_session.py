"""What README tells a newcomer to type is typed as it stands there, and answers what it shows."""

import re
import shlex
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill
from flybill_pipeline_tests.worlds.emulator import Emulators

DATA = text_of("README.md").split("## Your own data")[1]
SESSION, PANDAS = re.findall(r"^```(?:python)?\n(.*?)^```", DATA, re.MULTILINE | re.DOTALL)


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
        for of_tests in ("FLYBILL_PRICES", "FLYBILL_SOURCES", "FLYBILL_LAKE_CATALOG"):
            del flybill.environment[of_tests]
        Path(".flybill").symlink_to(flybill.environment["FLYBILL_HOME"])
        lines = SESSION.splitlines()
        printed = [typed(flybill, line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ") and line != "…"]
    assert len(shown) >= 3
    assert [line for line in shown if line not in printed[-1].splitlines()] == []
    assert re.search(r"^acme +bandwidth_gb +2026-10-05 +250\.0+$", _shown_by(PANDAS), re.MULTILINE)


def _shown_by(code: str) -> str:
    with redirect_stdout(StringIO()) as printed:
        exec(code, {})
    return printed.getvalue()
