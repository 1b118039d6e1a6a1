"""The services of one machine: shared by who needs them, gone with the last of them, whatever is killed."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from flybill_pipeline.local import postgres
from flybill_pipeline.local.keeper import ServiceError, joined
from flybill_pipeline.local.postgres import MB, Cluster
from flybill_pipeline.local.postgres_programs import PostgresError
from flybill_pipeline_tests.local.users import KEEPER, USER, User, answers, kept, processes, program
from flybill_pipeline_tests.worlds.waiting import wait_until


def test_two_users_share_one_server_which_ends_with_the_last(home: Path) -> None:
    first = User(home)
    second = User(home)
    assert first.address == second.address
    assert len(processes(f"flybill_pipeline.local.keeper {home} postgres")) == 1
    first.end()
    assert answers(second.address)
    second.end()
    wait_until(lambda: not kept(home, "postgres"))
    assert not Cluster(home / "postgres").is_running()
    assert processes(str(home)) == []


def test_a_user_that_is_killed_takes_the_server_with_it(home: Path) -> None:
    user = User(home)
    user.kill()
    wait_until(lambda: not kept(home, "postgres"))
    assert not Cluster(home / "postgres").is_running()
    assert processes(str(home)) == []


def test_a_user_that_is_killed_while_the_server_starts_leaves_it_to_the_next(home: Path) -> None:
    User.killed_while_starting(home)
    user = User(home)
    assert answers(user.address)
    user.end()
    wait_until(lambda: not kept(home, "postgres"))
    assert processes(str(home)) == []


def test_a_keeper_that_comes_after_another_leaves_the_user_to_it(home: Path) -> None:
    """As when a command is killed before its keeper is at work, and the next one, seeing none, starts a second."""
    early = program(KEEPER, str(home))
    assert early.stdin is not None
    assert early.stdout is not None
    assert early.stdout.readline() == "ready\n"
    late = program(USER, str(home), "postgres")
    wait_until(lambda: kept(home, "postgres"))
    early.stdin.close()
    address, _ = late.communicate(timeout=60)
    assert address
    assert early.wait(60) == 0
    assert processes(str(home)) == []


def test_commands_one_after_the_other_never_meet_a_server_that_is_stopping(home: Path) -> None:
    for _ in range(4):
        with joined(home, "postgres") as address:
            assert answers(address)


def test_when_keeper_and_server_are_killed_the_next_command_finds_its_data_again(home: Path) -> None:
    user = User(home)
    engine = create_engine(user.address.format("flybill"))
    with engine.begin() as connection:
        connection.execute(text("create table kept as select 7 as value"))
    engine.dispose()
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    keeper = json.loads((home / "run" / "postgres.json").read_text())["keeper"]
    for process in (keeper, postmaster):
        os.kill(process, signal.SIGKILL)
    user.kill()

    again = User(home)
    engine = create_engine(again.address.format("flybill"))
    with engine.connect() as connection:
        assert connection.execute(text("select value from kept")).scalar_one() == 7
    engine.dispose()
    again.end()
    wait_until(lambda: not kept(home, "postgres"))
    assert processes(str(home)) == []


def test_a_server_whose_keeper_was_killed_is_taken_over(home: Path) -> None:
    user = User(home)
    os.kill(json.loads((home / "run" / "postgres.json").read_text())["keeper"], signal.SIGKILL)
    second = User(home)
    assert answers(user.address)
    assert answers(second.address)
    user.end()
    second.end()
    wait_until(lambda: not kept(home, "postgres"))
    assert processes(str(home)) == []


def test_the_emulator_of_a_killed_keeper_is_replaced_and_knows_its_customers(home: Path) -> None:
    user = User(home, "emulator")
    emulators = processes(f"--state {home}")
    assert len(emulators) == 1
    os.kill(json.loads((home / "run" / "emulator.json").read_text())["keeper"], signal.SIGKILL)
    user.kill()
    again = User(home, "emulator")
    assert processes(f"--state {home}") != emulators
    assert len(processes(f"--state {home}")) == 1
    again.end()
    wait_until(lambda: not kept(home, "emulator"))
    assert processes(str(home)) == []


def test_a_home_with_a_long_path_works_too(home: Path) -> None:
    deep = home / ("a-folder-with-a-long-name-" * 3) / ("and-another-one-inside-it-" * 3)
    deep.mkdir(parents=True)
    user = User(deep)
    assert answers(user.address)
    socket = Path(user.address.split("host=")[1])
    assert len(str(socket)) < 90
    user.end()
    wait_until(lambda: not kept(deep, "postgres"))
    assert not socket.exists()


@pytest.mark.parametrize("note", ["emulator.partial", "emulator.pid"])
def test_a_service_whose_keeper_cannot_write_its_notes_is_told_and_ended(home: Path, note: str) -> None:
    """As on a full disk, where the log cannot be written either."""
    (home / "run" / note).mkdir(parents=True)
    with pytest.raises(ServiceError) as refused, joined(home, "emulator"):
        pass
    assert "the local emulator did not start" in str(refused.value)
    assert note in str(refused.value)
    assert "Traceback" not in str(refused.value)
    wait_until(lambda: processes(str(home)) == [])


def test_a_full_disk_is_named_where_the_server_does_not_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(total=64 * MB, used=64 * MB, free=0))
    monkeypatch.setattr(Cluster, "_started", lambda *_: False)
    monkeypatch.setattr(postgres, "RETRY_SECONDS", 0)
    cluster = Cluster(home / "postgres")
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("18")
    (cluster.data / "log").write_text("LOG: of a good start long ago\n")
    with pytest.raises(PostgresError, match=r"^its disk is full: 0 MB are free at .*, and it needs 16 MB$"):
        cluster.start()


def test_what_a_server_that_did_not_start_said_is_told_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "_started", lambda *_: False)
    monkeypatch.setattr(postgres, "RETRY_SECONDS", 0)
    cluster = Cluster(home / "postgres")
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("18")
    (cluster.data / "log").write_text("FATAL:  the key is wrong\nLOG:  shut down\n")
    with pytest.raises(PostgresError, match=r"^FATAL:  the key is wrong$"):
        cluster.start()
