"""`flybill demo`: reads what month is to be made up, and shows each act. Playing it: the demo's own room."""

import sys
from datetime import UTC, datetime

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.answers import as_json, show
from flybill_pipeline.cli.arguments import COUNT, MONTH
from flybill_pipeline.cli.render.failed_runs import show_failed_runs
from flybill_pipeline.cli.render.progress import progress_bars
from flybill_pipeline.cli.sessions import usable_settings
from flybill_pipeline.settings import PACKAGE, Settings
from flybill_pipeline.toolbox.ready import ready

DEMO_HOME = ".flybill-demo"
"""Below the folder that one is in, unless FLYBILL_HOME names another: never the home of one's own data."""


@click.command()
@click.option("--orgs", default=200, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1_000, 100_000_000))
@click.option("--month", type=MONTH, help="Default: last month.")
@click.option("--seed", default=7, show_default=True, type=COUNT)
@click.option("--faults", default=0.1, show_default=True, type=click.FloatRange(0, 0.5), help="Share of faulty calls.")
@as_json
def demo(orgs: int, events: int, month: Month | None, seed: int, faults: float, json_wanted: bool) -> None:
    """Bill a month from end to end against the stand-in Stripe, with faults, and mend what fails.

    It has a home of its own, ./.flybill-demo, and never goes among organizations that it did not make up.
    """
    from flybill_pipeline.cli.render.demo import played_data, show_closed, show_played
    from flybill_pipeline.demo.play import Demo
    from flybill_pipeline.demo.world import DemoPlan
    from flybill_pipeline.operating.runs import runner

    plan, settings = DemoPlan(_ended(month), orgs, events, seed, faults), _playful_settings()
    with ready(settings) as complete, runner(complete) as jobs:
        acts = Demo(jobs, complete, plan)
        with progress_bars() as progress:
            closed = acts.close(progress)
        show_failed_runs(jobs.failed)
        if not json_wanted:
            show_closed(closed)
        with progress_bars() as progress:
            played = acts.mend(closed, progress)
    show(json_wanted, played_data(played), lambda: show_played(played, settings.home))
    sys.exit(0 if played.complete else 1)


def _ended(month: Month | None) -> Month:
    now = datetime.now(UTC)
    chosen = month or Month.of(now).previous()
    if now < chosen.end:
        raise click.UsageError(f"{chosen} is still running: a demo closes a month that has ended")
    return chosen


def _playful_settings() -> Settings:
    """With the sample prices and sources, whatever others are set: they are what its month is made up for."""
    settings = usable_settings(DEMO_HOME)
    if not settings.uses_local_stripe:
        raise click.UsageError("the demo plays with the local emulator only: unset STRIPE_API_KEY and STRIPE_API_BASE")
    return settings.model_copy(update={"prices": PACKAGE / "prices", "sources": PACKAGE / "sources.toml"})
