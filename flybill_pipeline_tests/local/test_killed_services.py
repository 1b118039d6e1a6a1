"""A service that is killed while it is used comes back at the same address, or why it cannot is told."""

import json
import os
import re
import shutil
import signal
from contextlib import nullcontext
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy.exc import OperationalError

from flybill_pipeline.local.keeper import ServiceError, joined
from flybill_pipeline.local.postgres import MB, Cluster
from flybill_pipeline.settings import Settings, load_settings
from flybill_pipeline.toolbox.ready import ready
from flybill_pipeline_tests.local.users import User, answers, kept, processes
from flybill_pipeline_tests.worlds.waiting import wait_until


def test_a_server_that_is_killed_while_it_is_used_is_started_again(home: Path) -> None:
    user = User(home)
    for _ in range(2):
        kill_the_server(home)
        wait_until(lambda: answered(user.address))
        second = User(home)
        assert second.address == user.address
        assert answers(second.address)
        second.end()
    user.end()
    wait_until(lambda: not kept(home, "postgres"))
    assert processes(str(home)) == []


def test_a_server_that_was_taken_over_is_started_again_too(home: Path) -> None:
    user = User(home)
    os.kill(json.loads((home / "run" / "postgres.json").read_text())["keeper"], signal.SIGKILL)
    second = User(home)
    kill_the_server(home)
    wait_until(lambda: answered(user.address))
    user.end()
    second.end()
    wait_until(lambda: not kept(home, "postgres"))
    assert processes(str(home)) == []


def test_why_a_server_cannot_be_started_again_is_told_to_the_next_command(home: Path) -> None:
    user = User(home)
    (home / "postgres" / "PG_VERSION").write_text("9\n")
    kill_the_server(home)
    wait_until(lambda: not kept(home, "postgres"))
    assert re.search(r"could not be started again: .*FATAL", (home / "run" / "postgres.log").read_text())
    with (
        pytest.raises(ServiceError, match=r"the local postgres did not start: .*FATAL: .*(its log is .*postgres\.log)"),
        joined(home, "postgres"),
    ):
        pass
    user.end()


@pytest.mark.parametrize("killed", ["the emulator", "its keeper"])
def test_an_emulator_that_is_killed_is_started_again_at_the_same_address(home: Path, killed: str) -> None:
    user = User(home, "emulator")
    note = json.loads((home / "run" / "emulator.json").read_text())
    process = note["keeper"] if killed == "its keeper" else int((home / "run" / "emulator.pid").read_text())
    os.kill(process, signal.SIGKILL)
    if killed == "its keeper":  # the next command starts another
        second = User(home, "emulator")
        assert second.address == user.address
        second.end()
    wait_until(lambda: reported(user.address))
    user.end()
    wait_until(lambda: not kept(home, "emulator"))
    assert processes(str(home)) == []


def kill_the_server(home: Path) -> None:
    """As the kernel does when memory runs out."""
    os.kill(Cluster(home / "postgres").pid(), signal.SIGKILL)


def answered(address: str) -> bool:
    """Whether the database answers, be it after a while."""
    try:
        return answers(address)
    except OperationalError:
        return False


def reported(address: str) -> bool:
    """Whether the emulator answers."""
    try:
        with urlopen(f"{address}/_emulator/report", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_command_that_meets_a_database_that_is_gone_says_that_it_comes_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As between its end and its start again: nobody has set an address, so no remedy names one."""
    (home / "postgres").mkdir()
    settings = load_settings({"FLYBILL_HOME": str(home)})
    monkeypatch.setattr("flybill_pipeline.toolbox.ready.services", lambda settings, **_: nullcontext(gone(settings)))
    with pytest.raises(ServiceError) as refused, ready(settings):
        pass
    assert f"the database of FLYBILL_HOME={home} does not answer: it ended just now" in str(refused.value)
    assert "FLYBILL_DATABASE_URL" not in str(refused.value)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(total=64 * MB, used=64 * MB, free=0))
    with pytest.raises(ServiceError, match="its disk is full: 0 MB are free"), ready(settings):
        pass


def gone(settings: Settings) -> Settings:
    """Settings whose database answers nobody."""
    return settings.model_copy(update={"database_url": f"postgresql://postgres@/flybill?host={settings.home}"})
