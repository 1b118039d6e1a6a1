"""A process that syncs the month in a `World` and is to be killed. See `kills`, which starts it.

Its arguments: DATABASE_URL STRIPE_URL BORN SKIPPED_SECONDS SKEW_SECONDS [--die-at N]
"""

import argparse
import os
import signal
from datetime import datetime, timedelta

from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.steps.sync.sync_invoices import sync_invoices
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline_tests.chaos.crashes import Boundaries, crashing
from flybill_pipeline_tests.chaos.months import MONTH
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def main() -> int:
    """Syncs the month; exit code 0 when all of it is through. At boundary N it dies by SIGKILL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database_url")
    parser.add_argument("stripe_url")
    parser.add_argument("born", type=datetime.fromisoformat)
    parser.add_argument("skipped", type=float, help="seconds")
    parser.add_argument("skew", type=float, help="seconds")
    parser.add_argument("--die-at", type=int)
    options = parser.parse_args()
    emulator = EmulatorProcess()
    emulator.url = options.stripe_url
    world = World(open_engine(options.database_url), emulator, options.born, timedelta(seconds=options.skipped))
    world.skew = timedelta(seconds=options.skew)
    ports = crashing(Boundaries(lambda boundary: boundary == options.die_at and _die()), telling=True)
    gateway = world.gateway()
    with SyncLedger(world.engine) as ledger:
        report = sync_invoices(
            SyncScope(MONTH),
            ledger=ports["ledger_of"](ledger),
            stripe=ports["stripe_of"](gateway),
            options=world.options(gateway, workers=1 if options.die_at is not None else 8, patience=100),
        )
    print(report.finalized, flush=True)  # noqa: T201
    return 0 if report.complete else 1


def _die() -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    return True
