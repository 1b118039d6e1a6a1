"""Measures what Dagster itself costs a month: the bar is two minutes for its 16 shards, by a command and by the queue.

    python -m flybill_pipeline_tests.bench.bench_dagster --shards 16

An organization a shard leaves our own steps next to nothing to do, so all of the time is taken for Dagster's: a bound
from above. What of it passed inside of steps (ours, and Dagster's around them) is said beside it.
"""

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import dagster as dg

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.jobs import CLOSING_ASSETS
from flybill_pipeline.defs.partitions import month_shard_key
from flybill_pipeline.local.postgres import serving
from flybill_pipeline_tests.serving.served import Served
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.waiting import wait_until

QUEUED_MONTH = Month.of(datetime.now(UTC)).previous()
CLOSED_MONTH = QUEUED_MONTH.previous()
LONGEST_SECONDS = 1_800


def measure(shards: int, *, queue: bool) -> None:
    """Closes one month by `flybill close` and, if asked for, the next by Dagster's queue; prints the times."""
    home = Path(f"/tmp/flybill-bench-{uuid4().hex[:8]}")
    with (
        TemporaryDirectory() as folder,
        serving(home, keep=False) as url,
        EmulatorProcess() as emulator,
        Deployments(url, lambda: Path(folder))(emulator, shards=shards) as flybill,
        flybill.dagster() as instance,
    ):
        _prepare(flybill, shards)
        flybill.run("close", str(CLOSED_MONTH), "--org", "org0")  # reads the files; its own runs are not counted
        started = time.time()
        closed = flybill.run("close", str(CLOSED_MONTH))
        assert closed.status == 0, closed.err
        _tell("flybill close", instance, CLOSED_MONTH, shards, started)
        if queue:
            _close_by_queue(flybill, instance, shards)


def _close_by_queue(flybill: Flybill, instance: dg.DagsterInstance, shards: int) -> None:
    served = Served(flybill)
    try:
        served.start()
        started = time.time()
        served.materialize(CLOSING_ASSETS, [month_shard_key(QUEUED_MONTH, shard) for shard in range(shards)])
        wait_until(lambda: len(_runs(instance, QUEUED_MONTH, started)) == shards, "the backfill", LONGEST_SECONDS)
        _tell("the daemon's queue", instance, QUEUED_MONTH, shards, started)
        served.stop()
    finally:
        served.kill_all()


def _prepare(flybill: Flybill, shards: int) -> None:
    orgs = _one_for_each(shards)
    flybill.prices("usd.toml", USD)
    flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in orgs])
    months = (CLOSED_MONTH, QUEUED_MONTH)
    flybill.land("usage.jsonl", [event(f"{org}{m}", org, 100, f"{m}-05T00:00:00Z") for org in orgs for m in months])


def _one_for_each(shards: int) -> list[str]:
    """Names of which each falls into another shard; `org0` is the first."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < shards:
        found.setdefault(shard_of(f"org{number}", shards), f"org{number}")
        number += 1
    return list(found.values())


def _runs(instance: dg.DagsterInstance, month: Month, since: float) -> list[dg.RunRecord]:
    """The ended runs of the month's shards that were created since; all must have succeeded."""
    records = instance.get_run_records(dg.RunsFilter(created_after=datetime.fromtimestamp(since, UTC)), ascending=True)
    found = [
        record
        for record in records
        if record.dagster_run.tags.get("dagster/partition", "").startswith(f"{month}|") and record.end_time
    ]
    assert all(record.dagster_run.is_success for record in found)
    return found


def _tell(how: str, instance: dg.DagsterInstance, month: Month, shards: int, started: float) -> None:
    runs = _runs(instance, month, started)
    ends = max(record.end_time or 0 for record in runs)
    inside = _seconds_in_steps(instance, runs)
    sys.stdout.write(
        f"{how}: {len(runs)} of {shards} shards in {ends - started:.1f} s (the bar: 120), {inside:.1f} s of them "
        f"in steps; load {os.getloadavg()[0]:.1f}\n"
    )
    sys.stdout.flush()


def _seconds_in_steps(instance: dg.DagsterInstance, runs: list[dg.RunRecord]) -> float:
    steps = [step for run in runs for step in instance.get_run_step_stats(run.dagster_run.run_id)]
    return sum((step.end_time or 0) - (step.start_time or 0) for step in steps)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--queue", action=argparse.BooleanOptionalAction, default=True, help="By the queue as well.")
    chosen = parser.parse_args()
    measure(chosen.shards, queue=chosen.queue)


if __name__ == "__main__":
    main()
