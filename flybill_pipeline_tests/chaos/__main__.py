"""`python -m flybill_pipeline_tests.chaos`: all of it at full length. Exits 1 if a promise broke.

Storms of real processes that are killed at random, seed by seed, among honest clocks, and then with clocks minutes,
hours and days off, edited invoices and new terms; a kill at every boundary; a crash at every boundary of each way
through a fault; and arbitrary stories.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline_tests.chaos.kills import kill_everywhere
from flybill_pipeline_tests.chaos.machine import Worlds, tell_stories
from flybill_pipeline_tests.chaos.mischief import MISCHIEF
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.storm import MOST_CALLS, Forecast, weather_for_processes
from flybill_pipeline_tests.chaos.telling import plant_untold, untold
from flybill_pipeline_tests.chaos.ways import WAYS, crash_everywhere
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.databases import Databases, fresh_databases, migrated
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def main() -> int:
    """Runs all of it, prints a line for each part, and says whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m flybill_pipeline_tests.chaos", description=__doc__)
    parser.add_argument("--invoices", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.2, help="share of the calls that fail")
    parser.add_argument("--stories", type=int, default=150)
    options = parser.parse_args()
    with serving(Path(f"/tmp/flybill-chaos-{uuid4().hex[:8]}"), keep=False) as url:
        forecasts = [Forecast(options.invoices, options.rate, seed) for seed in range(options.seeds)]
        mischief = [Forecast(options.invoices // 4, options.rate, 100, mischief=[name]) for name in MISCHIEF]
        mixed = Forecast(options.invoices // 4, options.rate, 101, mischief=list(MISCHIEF))
        kept = [storms(url, [*forecasts, *mischief, mixed])]
        kept += [every_boundary(url, hours, told=told) for hours in (0, 30) for told in (False, True)]
        kept += [crashed_on(url, way, hours) for way in WAYS for hours in (0, 30)]
        with EmulatorProcess() as emulator:
            tell_stories(Worlds(Databases(url), emulator), options.stories, steps=15, telling=True)
    _say(f"{options.stories} arbitrary stories: nothing twice, nothing wrong, nothing lost")
    return int(not all(kept))


def storms(url: str, forecasts: Sequence[Forecast]) -> bool:
    """A storm for each forecast, in a world of its own; whether all went well."""
    _say(" seed invoices kills gaps calls/invoice seconds  result")
    well = True
    for forecast in forecasts:
        began = time.monotonic()
        with new_world(url) as world:
            storm = weather_for_processes(world, forecast)
        problems = list(storm.problems)
        if storm.spent_too_many_calls:
            problems.append(f"more than {MOST_CALLS} calls per invoice")
        well = well and not problems
        _say(
            f"{forecast.seed:5} {storm.invoices:8} {storm.crashes:5} {storm.gaps:4} {storm.calls_per_invoice:13.2f}"
            f" {time.monotonic() - began:7.0f}  {'; '.join(problems) or 'once'}{_among(forecast.mischief)}"
        )
    return well


def _among(mischief: Sequence[str]) -> str:
    return f", among {', '.join(mischief)}" if mischief else ""


def every_boundary(url: str, hours: int, *, told: bool) -> bool:
    """SIGKILL at each boundary of one invoice, and `hours` until it is noticed; whether all went well.

    `told`: its customer must be told something first.
    """
    with new_world(url) as world:
        boundaries = kill_everywhere(world, plant_untold if told else plant_new, hours=hours)
        problems = world.problems() + (untold(world) if told else [])
    way = "whose customer is told" if told else "of a new customer"
    result = "; ".join(problems) or "once"
    _say(f"killed at each of {boundaries} boundaries of an invoice {way}, noticed {hours} hours later: {result}")
    return not problems


def crashed_on(url: str, way: str, hours: int) -> bool:
    """A crash at each boundary of one invoice on this way, and `hours` until the next run; whether all went well."""
    with new_world(url) as world:
        boundaries = crash_everywhere(world, WAYS[way], hours=hours)
        problems = world.problems()
    result = "; ".join(problems) or "once"
    _say(f"crashed at each of {boundaries} boundaries ({way}), run again {hours} hours later: {result}")
    return not problems


def plant_new(world: World, number: int) -> None:
    """An invoice of two chunks for an org without a customer."""
    plant(world.engine, 1, lines=120, first=number)


@contextmanager
def new_world(url: str) -> Iterator[World]:
    """A database and an emulator of their own."""
    with fresh_databases(url, "chaos", template=migrated(url)) as (database,), EmulatorProcess() as emulator:
        engine = open_engine(database)
        try:
            yield World(engine, emulator)
        finally:
            engine.dispose()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
