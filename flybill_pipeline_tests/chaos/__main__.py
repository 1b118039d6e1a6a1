"""`python -m flybill_pipeline_tests.chaos`: the storm at full length, seed by seed. Exits 1 if a promise broke."""

import argparse
import sys
import time
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.stores.database import migrate, open_engine
from flybill_pipeline_tests.chaos.storm import Storm, weather
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.emulator_process import EmulatorProcess

MOST_CALLS = 6.0


def main() -> int:
    """Runs every seed on a database and an emulator of its own, and prints one line each."""
    parser = argparse.ArgumentParser(prog="python -m flybill_pipeline_tests.chaos", description=__doc__)
    parser.add_argument("--invoices", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.2, help="share of the calls that fail")
    options = parser.parse_args()
    print(" seed invoices  runs crashes gaps calls/invoice seconds  result")  # noqa: T201
    failed = False
    with serving(Path(f"/tmp/flybill-chaos-{uuid4().hex[:8]}"), keep=False) as url:
        for seed in range(options.seeds):
            began = time.monotonic()
            storm = one_seed(url, seed, options.invoices, options.rate)
            problems = list(storm.problems)
            if storm.calls_per_invoice > MOST_CALLS:
                problems.append(f"more than {MOST_CALLS} calls per invoice")
            failed = failed or bool(problems)
            print(  # noqa: T201
                f"{seed:5} {storm.invoices:8} {storm.runs:5} {storm.crashes:7} {storm.gaps:4}"
                f" {storm.calls_per_invoice:13.2f} {time.monotonic() - began:7.0f}  {'; '.join(problems) or 'once'}"
            )
    return int(failed)


def one_seed(url: str, seed: int, invoices: int, rate: float) -> Storm:
    """One storm in a world of its own."""
    admin = create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database chaos{seed}"))
    admin.dispose()
    engine = open_engine(url.format(f"chaos{seed}"))
    migrate(engine)
    try:
        with EmulatorProcess() as emulator:
            return weather(World(engine, emulator), invoices=invoices, rate=rate, seed=seed)
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
