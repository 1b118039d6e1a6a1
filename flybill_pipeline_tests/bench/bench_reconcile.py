"""Measures the proof of a month against Stripe's list: the bar is one GET per 100 invoices, and 500 MB for 50,000.

    python -m flybill_pipeline_tests.bench.bench_reconcile --invoices 50000

Both sides are written directly, as after a sync; one in REPAIRED_EVERY was repaired months after the others.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from sqlalchemy import insert

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.stores.postgres.database import migrate, open_engine
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_emulator import objects
from flybill_pipeline.stripe_emulator.store import Json, Store
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.bench.figures import Figure, Measure, hand_over
from flybill_pipeline_tests.chaos.months import FINALIZED_AT, MONTH, plant
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

LINES = 10
REPAIRED_EVERY = 5_000
AN_HOUR = timedelta(hours=1)
MONTHS_LATER = timedelta(days=70)


def measure(invoices: int) -> None:
    """Writes both sides in another process, compares them, and prints calls, memory and time."""
    home = Path(f"/tmp/flybill-bench-{uuid4().hex[:8]}")
    with TemporaryDirectory() as folder, serving(home, keep=False) as url:
        state = Path(folder) / "stripe.sqlite"
        writer = multiprocessing.get_context("spawn").Process(target=write, args=(url, state, invoices))
        writer.start()
        writer.join()
        with EmulatorProcess(state) as emulator:
            gateway = Gateway("sk_test_bench", base=emulator.url, limiter=Limiter(1000, 1000))
            engine = open_engine(url.format("flybill"))
            before, started, cpu = _memory(), time.perf_counter(), time.process_time()
            result = reconcile(MONTH, ours=Billed(engine), theirs=InvoiceListing(gateway))
            seconds, after, cpu = time.perf_counter() - started, _memory(), time.process_time() - cpu
            engine.dispose()
            gets = emulator.report()["requests"]["list_invoices"]
    measures = (
        Measure(100 * gets / invoices, "GETs per 100 invoices", 1),
        Measure(result.matched / invoices * 100, "% of the invoices proven", 100, at_least=True),
        Measure(after, "MB at most", 500),
    )
    hand_over(Figure("reconciliation", invoices, "invoices", seconds, cpu, after, measures))
    sys.stdout.write(
        f"{result.matched:,} of {invoices:,} invoices proven in {seconds:.1f} s: {gets:,} GETs, "
        f"{100 * gets / invoices:.2f} per 100 invoices (the bar: 1); {after:.0f} MB at most, {before:.0f} of them "
        f"before (the bar: 500 for 50,000); proven: {result.proven}\n"
    )


def write(url: str, state: Path, invoices: int) -> None:
    """A month as it is after its sync, here and at Stripe."""
    engine = open_engine(url.format("flybill"))
    migrate(engine, shards=16)
    plant(engine, invoices, lines=1)
    store = Store(state)
    rows = []
    with store.transaction():
        for number in range(invoices):
            customer = objects.customer(f"cus_{number}", created=0, livemode=False, invoice_prefix="B")
            sent = FINALIZED_AT + AN_HOUR * number / invoices
            done = sent + (MONTHS_LATER if number % REPAIRED_EVERY == 0 else timedelta(0))
            store.insert_many([customer, *_at_stripe(number, customer, int(done.timestamp()))])
            row = {
                "state": "finalized",
                "first_sent_at": sent,
                "updated_at": done,
                "stripe_customer_id": customer["id"],
            }
            rows.append({"invoice_id": f"inv_{MONTH}_{number:05d}", **row})
    with engine.begin() as connection:
        connection.execute(insert(stripe_sync), rows)
    store.close()
    engine.dispose()


def _at_stripe(number: int, customer: Json, created: int) -> list[Json]:
    amount = 100 + number
    invoice = objects.invoice(f"in_{number}", created=created, livemode=False, of=customer, currency="usd")
    metadata = {"flybill_invoice_id": f"inv_{MONTH}_{number:05d}", "flybill_month": str(MONTH)}
    totals = dict.fromkeys(("subtotal", "total", "total_excluding_tax", "amount_due"), amount)
    lines = [
        objects.invoice_line(
            f"il_{number}_{i}", invoice_id=f"in_{number}", currency="usd", livemode=False, item_id="ii"
        )
        for i in range(LINES)
    ]
    return [invoice | {"status": "open", "metadata": metadata} | totals, *lines]


def _memory() -> float:
    """The most that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=50_000)
    measure(parser.parse_args().invoices)


if __name__ == "__main__":
    main()
