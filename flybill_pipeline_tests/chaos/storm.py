"""A month synced in a storm: faulty calls, crashes between them, days that pass. Short in pytest, long as a command."""

import random
from dataclasses import dataclass

from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing, now_and_then
from flybill_pipeline_tests.chaos.kills import kill_until_done
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

MOST_RUNS = 2000
LONG_GAP = 30
"""Hours: longer than Stripe remembers a key."""


@dataclass(frozen=True)
class Storm:
    """How it went. `calls` are all requests that reached the emulator, those for customers apart."""

    invoices: int
    runs: int
    crashes: int
    gaps: int
    calls: int
    customer_calls: int
    problems: list[str]

    @property
    def calls_per_invoice(self) -> float:
        return self.calls / self.invoices


def weather(world: World, *, invoices: int, rate: float, seed: int, crash_rate: float = 0.004, lines: int = 3) -> Storm:
    """Syncs `invoices` new invoices while a share `rate` of the calls fails and runs crash, until all are through."""
    _begin(world, invoices, rate, seed, lines)
    chance = random.Random(seed)
    fatal = now_and_then(seed, crash_rate)
    runs = crashes = gaps = 0
    complete = False
    while not complete and runs < MOST_RUNS:
        runs += 1
        try:
            complete = world.sync(**crashing(Boundaries(fatal)), workers=8).complete
        except Crash:
            crashes += 1
        if not complete and chance.random() < 0.2:
            world.pass_hours(chance.randint(1, LONG_GAP))
            gaps += 1
    return _judged(world, invoices, runs, crashes, gaps)


def weather_for_processes(world: World, *, invoices: int, rate: float, seed: int, lines: int = 3) -> Storm:
    """The same with real processes, which are killed by SIGKILL about ten times."""
    _begin(world, invoices, rate, seed, lines)
    kills, gaps = kill_until_done(world, seed=seed, calls=invoices, most_hours=LONG_GAP)
    return _judged(world, invoices, kills + 1, kills, gaps)


def _begin(world: World, invoices: int, rate: float, seed: int, lines: int) -> None:
    plant(world.engine, invoices, lines=lines)
    if rate:
        world.emulator.faults({"seed": seed, "rate": rate})


def _judged(world: World, invoices: int, runs: int, crashes: int, gaps: int) -> Storm:
    requests = world.emulator.report()["requests"]
    for_customers = sum(count for endpoint, count in requests.items() if "customer" in endpoint)
    calls = sum(requests.values()) - for_customers
    return Storm(invoices, runs, crashes, gaps, calls, for_customers, world.problems())
