"""Measures pricing, storing and finalizing a month in Postgres: DESIGN's bar is 1 M lines and 50,000 invoices in 60 s.

    python -m flybill_pipeline_tests.bench.bench_billing --orgs 50000 --lines 20

Usage is made up in memory, so that only pricing and the billing tables are measured.
"""

import argparse
import resource
import sys
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import uuid4

from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.price_changes import BooksOfMonth, books_of_month
from flybill_pipeline.billing.prices import Aggregation, Meter, Price, PriceBook, PriceBooks, PriceModel, Tier
from flybill_pipeline.billing.usage import OrgUsage, UsageTotal
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.finalize_invoices import finalize_shard
from flybill_pipeline.steps.price_usage import price_shard
from flybill_pipeline.stores.database import migrate, open_engine
from flybill_pipeline.stores.drafts import Drafts
from flybill_pipeline.stores.invoices import Invoices
from flybill_pipeline.stores.organizations import Organization, Organizations

MONTH = Month(2026, 10)
NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
SHARDS = 16


class MadeUpUsage:
    """So many totals for every org, each of a region of its own, so that each becomes a line."""

    def __init__(self, lines: int, orgs: dict[int, list[Organization]]) -> None:
        self._lines = lines
        self._orgs = orgs

    def of_month(self, month: Month, shard: int, org_ids: Collection[str] = (), **detail: object) -> Iterator[OrgUsage]:
        for org in self._orgs[shard]:
            totals = tuple(
                UsageTotal(org.org_id, "gb", {"region": f"r{n}"}, Decimal(1000 + n) / 8, None, 7)
                for n in range(self._lines)
            )
            yield OrgUsage(org.org_id, totals, month.start)


def book() -> PriceBook:
    """Graduated tiers, a line for each region."""
    tiers = (Tier(Decimal(100), Decimal("0.02")), Tier(None, Decimal("0.015")))
    price = Price(meter="gb", model=PriceModel.GRADUATED, tiers=tiers, group_by=("region",))
    return PriceBook("usd", MONTH.first_day, {"gb": Meter("gb", Aggregation.SUM, "GB")}, (price,))


def measure(orgs: int, lines: int) -> None:
    """Runs it once and prints what it took."""
    with serving(Path(f"/tmp/flybill-bench-{uuid4().hex[:8]}"), keep=False) as url:
        engine = open_engine(url.format("flybill"))
        migrate(engine, shards=SHARDS)
        store = Organizations(engine, SHARDS)
        store.save(Organization(f"org{n:06d}", f"Org {n}", "usd") for n in range(orgs))
        by_shard = {shard: store.all(shard) for shard in range(SHARDS)}
        usage, books = MadeUpUsage(lines, by_shard), PriceBooks((book(),))

        @cache
        def in_force(currency: str) -> BooksOfMonth | None:
            return books_of_month(books, currency, MONTH)

        drafts, invoices = Drafts(engine), Invoices(engine)
        priced = finalized = 0.0
        for shard in range(SHARDS):
            start = time.perf_counter()
            price_shard(MONTH, shard, by_shard[shard], usage, in_force, drafts, NOW)
            middle = time.perf_counter()
            finalize_shard(MONTH, shard, invoices, NOW)
            priced, finalized = priced + middle - start, finalized + time.perf_counter() - middle
        engine.dispose()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{orgs * lines:,} lines priced and stored in {priced:.1f} s, {orgs:,} orgs finalized in {finalized:.1f} s: "
        f"{priced + finalized:.1f} s together (the bar: 60 s for 1,000,000 and 50,000), {memory:.0f} MB\n"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orgs", type=int, default=50_000)
    parser.add_argument("--lines", type=int, default=20)
    options = parser.parse_args()
    measure(options.orgs, options.lines)


if __name__ == "__main__":
    main()
