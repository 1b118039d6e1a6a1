"""Real processes that sync a month and are killed by SIGKILL: at random, and at every boundary. No faults of Stripe."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline_tests.chaos import worker as syncing
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.copied import Copied, copied

KILLED = -9


def worker(world: World, *options: str) -> Copied:
    """A process that syncs the month, at the world's present time."""
    database = world.engine.url.render_as_string(hide_password=False)
    times = [world.born.isoformat(), str(world.skipped.total_seconds()), str(world.skew.total_seconds())]
    said = Path(tempfile.mkdtemp(prefix="flybill-worker-")) / "said"
    return copied(said, [database, world.emulator.url, *times, *options], os.environ, syncing.main)


def ended(process: Copied) -> tuple[int, str]:
    """Its exit status and what it has said, which is then forgotten."""
    code, said = process.ended()
    shutil.rmtree(process.said.parent)
    return code, said


def calls_so_far(world: World) -> int:
    """The calls for invoices that our rows know of."""
    with world.engine.connect() as connection:
        return connection.scalar(select(func.coalesce(func.sum(stripe_sync.c.calls), 0))) or 0


def kill_after_some_calls(world: World, calls: int) -> int:
    """Kills a worker once it has made so many calls, if it did not end before; returns its exit code."""
    process, target = worker(world), calls_so_far(world) + calls
    try:
        while process.is_running() and calls_so_far(world) < target:
            world.set_clocks()  # the worker's runs ahead of Stripe's otherwise, by more than clocks ever differ
            time.sleep(0.02)
    finally:
        process.process.kill()
        code, _ = ended(process)
    return code


def kill_until_done(
    world: World, *, seed: int, calls: int, most_hours: int, meanwhile: Callable[[], None] = lambda: None
) -> tuple[int, int]:
    """Kills worker after worker, each after up to `calls` calls, until one is through.

    After some of the deaths, up to `most_hours` pass; after each, `meanwhile` happens. Returns how many were killed,
    and how often time passed.
    """
    chance = random.Random(seed)
    kills = gaps = 0
    while (code := kill_after_some_calls(world, chance.randint(calls // 5, calls))) != 0:
        kills += code == KILLED
        if chance.random() < 0.3:
            gaps += 1
            world.pass_hours(chance.randint(1, most_hours))
        meanwhile()
        world.set_clocks()
    return kills, gaps


def kill_everywhere(world: World, plant_one: Callable[[World, int], None], *, hours: int = 0) -> int:
    """For a new invoice each time: SIGKILL at the next boundary, `hours` without anybody, another process finishes it.

    `plant_one` makes the invoice of that number. Returns how many boundaries there were; ends with the process that
    lives through all of them.
    """
    boundary = 0
    while True:
        plant_one(world, boundary)
        code, said = ended(worker(world, "--die-at", str(boundary)))
        if code == 0:
            return boundary
        if code != KILLED:
            raise RuntimeError(f"the worker ended with {code} at boundary {boundary}: {said}")
        if hours:
            world.pass_hours(hours)
        world.sync()
        boundary += 1
