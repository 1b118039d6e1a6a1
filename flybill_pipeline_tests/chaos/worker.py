"""`python -m flybill_pipeline_tests.chaos.worker DATABASE_URL STRIPE_URL`: a process to be killed."""

import sys

from flybill_pipeline.steps.sync_invoices import sync_invoices
from flybill_pipeline.stores.database import open_engine
from flybill_pipeline.stores.sync_ledger import SyncLedger
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline_tests.chaos.months import MONTH

RATE = 60.0
"""Calls per second: slow enough to be killed in the middle."""


def main(database_url: str, stripe_url: str) -> int:
    """Syncs the month; exit code 0 when all of it is through."""
    with SyncLedger(open_engine(database_url)) as ledger:
        gateway = Gateway("sk_test_worker", base=stripe_url, rate=RATE, timeout=5)
        report = sync_invoices(MONTH, ledger=ledger, stripe=gateway, workers=8, patience=20)
    print(report.finalized, flush=True)  # noqa: T201
    return 0 if report.complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
