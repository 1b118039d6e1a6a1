"""Real processes: killed in the middle, and two at once on one database."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import func, select

from flybill_pipeline.stores.tables import stripe_sync
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

PROJECT = Path(__file__).resolve().parents[2]


def worker(world: World) -> subprocess.Popen[str]:
    database = world.engine.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, "-m", "flybill_pipeline_tests.chaos.worker", database, world.emulator.url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def calls_so_far(world: World) -> int:
    with world.engine.connect() as connection:
        return connection.scalar(select(func.coalesce(func.sum(stripe_sync.c.calls), 0))) or 0


def kill_after_some_calls(world: World, calls: int) -> int | None:
    """Kills a worker once it has made so many calls; returns its exit code if it was through before."""
    process, target = worker(world), calls_so_far(world) + calls
    while process.poll() is None and calls_so_far(world) < target:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    return process.returncode


def test_kill_9_again_and_again_leaves_each_invoice_there_once(world: World) -> None:
    plant(world.engine, 25)
    world.emulator.faults({"seed": 1, "rate": 0.1})
    chance = random.Random(3)
    kills = 0
    while kills < 20 and kill_after_some_calls(world, chance.randint(5, 25)) != 0:
        kills += 1
    assert kills >= 2
    world.emulator.clear_faults()
    assert world.sync().complete
    assert world.problems() == []


def test_two_processes_at_once_share_the_work_and_do_none_of_it_twice(world: World) -> None:
    plant(world.engine, 60)
    processes = [worker(world), worker(world)]
    done = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(done) == 60
    assert sum(world.emulator.report()["requests"].values()) == 4 * 60
    assert world.problems() == []
