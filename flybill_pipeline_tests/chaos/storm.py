"""A month synced in a storm: faulty calls, crashes between them, days that pass. Short in pytest, long as a command."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing, now_and_then
from flybill_pipeline_tests.chaos.kills import kill_until_done
from flybill_pipeline_tests.chaos.mischief import MISCHIEF
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

MOST_RUNS = 2000
LONG_GAP = 30
"""Hours: longer than Stripe remembers a key."""

MOST_CALLS = 6
"""For each invoice while a fifth of all calls fails."""


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

    @property
    def spent_too_many_calls(self) -> bool:
        """Beyond MOST_CALLS for each invoice and one for each crash.

        A crash leaves calls behind whose answers nobody heard: how many depends on what its workers were about, so a
        storm of one seed does not always take as many calls.
        """
        return self.calls > MOST_CALLS * self.invoices + self.crashes


@dataclass(frozen=True)
class Forecast:
    """What is coming: a share `rate` of the calls fails, a run crashes at a share `crash_rate` of its boundaries, and
    between two attempts happens one of `mischief`. The same for the same seed.
    """

    invoices: int
    rate: float
    seed: int
    crash_rate: float = 0.004
    mischief: Sequence[str] = ()


def weather(world: World, forecast: Forecast) -> Storm:
    """Syncs new invoices in it until all are through."""
    _begin(world, forecast)
    invoices, seed = forecast.invoices, forecast.seed
    chance = random.Random(seed)
    fatal = now_and_then(seed, forecast.crash_rate)
    runs = crashes = gaps = 0
    complete = False
    while not complete and runs < MOST_RUNS:
        runs += 1
        _mischief(world, forecast, chance)
        try:
            complete = world.sync(**crashing(Boundaries(fatal)), workers=8).complete
        except Crash:
            crashes += 1
        if not complete and chance.random() < 0.2:
            world.pass_hours(chance.randint(1, LONG_GAP))
            gaps += 1
    return _judged(world, invoices, runs, crashes, gaps)


def weather_for_processes(world: World, forecast: Forecast) -> Storm:
    """The same with real processes, which are killed by SIGKILL about ten times."""
    _begin(world, forecast)
    chance = random.Random(forecast.seed)
    kills, gaps = kill_until_done(
        world,
        seed=forecast.seed,
        calls=forecast.invoices,
        most_hours=LONG_GAP,
        meanwhile=lambda: _mischief(world, forecast, chance),
    )
    return _judged(world, forecast.invoices, kills + 1, kills, gaps)


def _mischief(world: World, forecast: Forecast, chance: random.Random) -> None:
    if forecast.mischief:
        world.emulator.release()  # an import, or a clock that is set, takes longer than Stripe takes to execute a call
        MISCHIEF[chance.choice(list(forecast.mischief))](world, chance)


def _begin(world: World, forecast: Forecast) -> None:
    plant(world.engine, forecast.invoices)
    if forecast.rate:
        world.emulator.faults({"seed": forecast.seed, "rate": forecast.rate})


def _judged(world: World, invoices: int, runs: int, crashes: int, gaps: int) -> Storm:
    requests = world.emulator.report()["requests"]
    for_customers = sum(count for endpoint, count in requests.items() if "customer" in endpoint)
    calls = sum(requests.values()) - for_customers
    return Storm(invoices, runs, crashes, gaps, calls, for_customers, world.problems())
