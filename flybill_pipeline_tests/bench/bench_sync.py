"""Measures the sync against the emulator at a live account's limits, beside one call for each usage record.

python -m flybill_pipeline_tests.bench.bench_sync --invoices 300
"""

import argparse
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.sync_invoices import sync_invoices
from flybill_pipeline.stores.postgres.database import migrate, open_engine
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stripe_gateway.calls import limiter_for
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline_tests.bench.figures import Figure, Measure, hand_over, peak_mb
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

LIMIT = 25  # calls a second that Stripe grants to one endpoint
LINES = 10  # of each invoice, one for each meter; a meter reports once an hour


def measure(invoices: int) -> None:
    """Runs one healthy sync and prints calls, pace and processor time."""
    home = Path(f"/tmp/flybill-bench-{uuid4().hex[:8]}")
    with serving(home, keep=False) as url, EmulatorProcess(limit_endpoint=LIMIT, limit_global=100) as emulator:
        engine = open_engine(url.format("flybill"))
        migrate(engine, shards=16)
        gateway = Gateway("sk_test_bench", base=emulator.url, limiter=limiter_for(live=False, account=96))
        plant(engine, invoices, lines=LINES)
        with SyncLedger(engine) as ledger:
            started, cpu = time.perf_counter(), _cpu()
            options = RunOptions(pace=gateway.pace)
            report = sync_invoices(SyncScope(MONTH), ledger=ledger, stripe=gateway, options=options)
            seconds, cpu = time.perf_counter() - started, _cpu() - cpu
        engine.dispose()
        seen, requests = emulator.report(), emulator.requests(last=2 * report.calls)
    # The slowest endpoint paces all: an invoice has one call to each, so the limit is 25 invoices a second.
    share = 100 * report.finalized / seconds / LIMIT
    invoice_calls = sum(seen["requests"].get(name, 0) for name in ("create_invoice", "add_lines", "finalize_invoice"))
    records = invoices * LINES * ((MONTH.end - MONTH.start) // timedelta(hours=1))
    late = _refused_late(requests)
    measures = (
        Measure(invoice_calls / invoices, "calls an invoice", 3.0),
        Measure(share, "% of Stripe's limit", 95, at_least=True),
        Measure(late, "calls refused (429) after the first second", 0),
        Measure(len(seen["violations"]), "violations", 0),
    )
    hand_over(Figure("sync, healthy Stripe", invoices, "invoices", seconds, cpu, peak_mb(), measures))
    sys.stdout.write(
        f"{report.finalized} of {invoices} invoices in {seconds:.1f} s: {invoice_calls / invoices:.2f} calls each "
        f"(customers aside), {share:.0f} % of the limit, {late} calls refused (429) after the first "
        f"second, {1000 * cpu / report.calls:.2f} ms of processor time a call; "
        f"{len(seen['violations'])} violations{_named(seen['violations'])}\n"
        f"as it used to be, one call for each usage record: {records:,} calls, {records / invoices:,.0f} per invoice, "
        f"{records // LIMIT // 60:,} minutes at the same limit\n"
    )


def _refused_late(requests: list[dict[str, Any]]) -> int:
    """Calls answered with a 429 more than a second after the first call."""
    began = requests[0]["at"]
    return sum(request["status"] == 429 and request["at"] - began > 1 for request in requests)


def _named(violations: list[dict[str, Any]]) -> str:
    return "".join(f"; {each['rule']} {', '.join(each['ids'])}: {each['message']}" for each in violations)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=1_500)
    measure(parser.parse_args().invoices)


if __name__ == "__main__":
    main()
