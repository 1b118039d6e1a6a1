"""Measures whether processes on one database keep one limit of Stripe together, and how much of it they use.

    python -m flybill_pipeline_tests.bench.bench_limit --invoices 1200

Each process brings a month of its own to the emulator, shard by shard as a close does, at the limits of a live account.
Counted is the time in which all of them are at work.
"""

import argparse
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.postgres.database import migrate
from flybill_pipeline.toolbox.closing import bring
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.bench.figures import Figure, Measure, hand_over, peak_mb
from flybill_pipeline_tests.chaos.months import MONTH, plant, plant_invoices
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

LIMIT = 25  # calls a second that Stripe grants to one endpoint; to all of a live account, four times as many
PACE = 0.96  # of the limit: what a process keeps to
SHARDS = 16
LONGEST_START_SECONDS = 120
PATHS_OF_AN_INVOICE = ("create_invoice", "add_lines", "finalize_invoice")


class Brought(NamedTuple):
    """What a process did: when it began and was through, its invoices, the CPU that it took; all times in seconds."""

    began: float
    ended: float
    invoices: int
    cpu: float


def close_alone(environment: dict[str, str], month: Month, ready: Barrier, results: "Queue[Brought]") -> None:
    """One process: brings a month to Stripe, shard after shard."""
    tools = build_toolbox(load_settings(environment))
    ready.wait(LONGEST_START_SECONDS)
    began, cpu, now = time.time(), time.process_time(), datetime.now(UTC)
    reports = [bring(tools, ShardMonth(month, shard, now)) for shard in range(SHARDS)]
    results.put(
        Brought(began, time.time(), sum(each.invoices.finalized for each in reports), time.process_time() - cpu)
    )
    tools.close()


def all_at_once(environment: dict[str, str], months: list[Month]) -> list[Brought]:
    """What each of the processes did."""
    spawning = get_context("spawn")
    ready, results = spawning.Barrier(len(months)), spawning.Queue()
    for month in months:
        spawning.Process(target=close_alone, args=(environment, month, ready, results), daemon=True).start()
    return [results.get() for _ in months]


def measure(invoices: int, processes: int, limit: int) -> None:
    """Runs the processes, and prints what they came to together."""
    stripe = EmulatorProcess(limit_endpoint=limit, limit_global=4 * limit)
    with TemporaryDirectory(prefix="fb") as home, serving(Path(home) / "pg") as url, stripe as emulator:
        environment = {
            "FLYBILL_HOME": home,
            "FLYBILL_DATABASE_URL": url.format("flybill"),
            "STRIPE_API_KEY": "sk_test_bench",
            "STRIPE_API_BASE": emulator.url,
            "FLYBILL_STRIPE_RATE": str(limit * PACE),
            "FLYBILL_STRIPE_ACCOUNT_RATE": str(4 * limit * PACE),
        }
        brought = all_at_once(environment, _planted(environment, invoices, processes))
        seen, requests = emulator.report(), emulator.requests(last=20 * invoices * processes)
    _tell(brought, requests, len(seen["violations"]), limit)


def _planted(environment: dict[str, str], invoices: int, processes: int) -> list[Month]:
    tools = build_toolbox(load_settings(environment))
    migrate(tools.engine, shards=SHARDS)
    months = [MONTH]
    plant(tools.engine, invoices)
    while len(months) < processes:
        months.append(months[-1].next())
        plant_invoices(tools.engine, range(invoices), month=months[-1])
    tools.close()
    return months


def _tell(brought: list[Brought], requests: list[dict[str, Any]], violations: int, limit: int) -> None:
    began, ended = max(each.began for each in brought) + 1, min(each.ended for each in brought)
    together = [each for each in requests if began <= each["at"] < ended]
    passed = Counter(each["endpoint"] for each in together if each["status"] != 429)
    share = 100 * max(passed[name] for name in PATHS_OF_AN_INVOICE) / (ended - began) / limit
    refused = sum(each["status"] == 429 and each["at"] >= began for each in requests)
    seconds, cpu = max(each.ended for each in brought) - began + 1, sum(each.cpu for each in brought)
    finalized, peak = sum(each.invoices for each in brought), peak_mb()
    measures = (
        Measure(share, "% of Stripe's limit together", 95, at_least=True),
        Measure(refused, "calls refused (429) after the first second", 0),
        Measure(violations, "violations", 0),
    )
    hand_over(Figure(f"sync, {len(brought)} processes", finalized, "invoices", seconds, cpu, peak, measures))
    sys.stdout.write(
        f"{finalized} invoices by {len(brought)} processes in {seconds:.1f} s: {share:.1f} % of Stripe's limit "
        f"in the {ended - began:.1f} s in which all were at work, {refused} calls refused (429) after the first "
        f"second, {violations} violations; {1000 * cpu / finalized:.1f} ms of processor time an invoice\n"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=1_200, help="of each month, a multiple of 16")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=int, default=LIMIT, help="less than Stripe's, for a machine that is busy")
    chosen = parser.parse_args()
    measure(chosen.invoices, chosen.processes, chosen.limit)


if __name__ == "__main__":
    main()
