"""Intake, recording and rollup that die at any commit, or run twice at once: nothing is lost, nothing counts twice."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from flybill_pipeline.stores.usage.lake.file_accounts import FileAccounts
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, edge, jsonl

MANY_COMMITS = 10
DAYS = ["2026-10-05T10:00:00Z", "2026-10-06T10:00:00Z"]


class Killed(BaseException):
    """The process died here. Not an Exception: nothing may catch it and go on."""


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


@contextmanager
def dying(engine: Engine, at: int, *, done: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, the process dies at commit number `at`, from 1, of those that write: before it is `done`, or when it is
    and nobody heard."""
    passed, commit = 0, engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        nonlocal passed
        with connection.cursor() as cursor:
            cursor.execute("select pg_current_xact_id_if_assigned()")
            if cursor.fetchone() == (None,):
                commit(connection)
                return
        passed += 1
        if passed == at and not done:
            raise Killed
        commit(connection)
        if passed == at:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(engine.dialect, "do_commit", do_commit)
        try:
            yield
        finally:
            engine.dispose()  # what the server had locked for the dead process is free


def delivered(world: UsageWorld, nth: int) -> None:
    """A file with an event that was there before, on another day, one that is there twice, and a bad row."""
    rows = [edge("first", at=DAYS[nth % 2]), edge(f"e{nth}", gb="0.1"), edge(f"e{nth}", gb="0.1"), edge("", gb=1)]
    world.put(f"edge/{nth}.jsonl", jsonl(*rows))


def must_have_counted(world: UsageWorld, files: int) -> None:
    """One event of all files together, and two of each: of those one counts. Each record of each file is somewhere."""
    assert world.quantities() == {"acme": f"{1 + files / 10:g}"}
    accounts = FileAccounts(world.lake).of_days(list(world.catalog.manifests()))
    assert [(each.read, each.told, each.rejected) for each in accounts] == [(4, 4, 1)] * files
    assert sum(each.counted for each in accounts) == 1 + files
    assert sum(each.repeated + each.conflicting for each in accounts) == 2 * files - 1
    assert not [path for path in (world.lake.root / "work").glob("*") if path.name != "spill"]


@pytest.mark.parametrize("done", [False, True])
def test_killed_at_any_commit_it_is_made_good_by_the_next_run(
    done: bool, world: UsageWorld, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in range(1, 100):
        delivered(world, nth)
        try:
            with dying(engine, nth, done=done, monkeypatch=monkeypatch):
                world.run()
            break
        except Killed:
            world.run()
            must_have_counted(world, nth)
    must_have_counted(world, nth)
    assert nth >= MANY_COMMITS


def test_two_at_once_take_in_each_file_once(world: UsageWorld, engine: Engine) -> None:
    for nth in range(3):
        delivered(world, nth)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            world.run()
        except BaseException as error:
            failed.append(error)

    both = [threading.Thread(target=work) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert failed == []
    must_have_counted(world, 3)


def test_a_database_that_is_down_leaves_all_as_it_was(
    world: UsageWorld, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(world, 0)
    world.run()
    delivered(world, 1)

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("connect", {}, Exception("connection refused"))

    with monkeypatch.context() as patched:
        engine.dispose()
        patched.setattr(engine.dialect, "connect", refuse)
        with pytest.raises(OperationalError):
            world.run()
    world.run()
    must_have_counted(world, 2)
