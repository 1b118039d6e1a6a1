"""Measures pricing, storing and finalizing a month in Postgres: DESIGN's bar is 1 M lines and 50,000 invoices in 60 s.

    python -m flybill_pipeline_tests.bench.bench_billing --orgs 50000 --lines 20

Usage is made up in memory, so that only pricing and the billing tables are measured.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import uuid4

from flybill_pipeline.billing.outcomes import OutcomePolicy
from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.price_changes import BooksOfMonth, books_of_month
from flybill_pipeline.billing.prices import Aggregation, Meter, Price, PriceBook, PriceBooks, PriceModel, Tier
from flybill_pipeline.billing.usage import OrgUsage, UsageTotal
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.finalize_invoices import finalize_shard
from flybill_pipeline.steps.open_accounts import Accounts
from flybill_pipeline.steps.price_usage import price_shard
from flybill_pipeline.stores.billed_months import BilledMonths
from flybill_pipeline.stores.database import migrate, open_engine
from flybill_pipeline.stores.drafts import Drafts
from flybill_pipeline.stores.holds import Holds
from flybill_pipeline.stores.invoices import Invoices
from flybill_pipeline.stores.items import Items
from flybill_pipeline.stores.organizations import Organization, Organizations

MONTH = Month(2026, 10)
NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
SHARDS = 16
LATE_EVERY = 20


class MadeUpUsage:
    """So many totals for every org, each of a region of its own, so that each becomes a line."""

    def __init__(self, lines: int, orgs: dict[int, list[Organization]]) -> None:
        self._lines = lines
        self._orgs = orgs
        self.late: dict[Month, set[str]] = {}

    def version(self, month: Month) -> str:
        return f"{month} with late usage of {len(self.late.get(month, ()))} orgs"

    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> dict[str, str]:
        late = self.late.get(month, set())
        return {org.org_id: "late" if org.org_id in late else "" for org in self._orgs[shard or 0]}

    def of_month(
        self, month: Month, shard: int | None, org_ids: Collection[str] = (), **detail: object
    ) -> Iterator[OrgUsage]:
        for org in self._orgs[shard or 0]:
            if org_ids and org.org_id not in org_ids:
                continue
            late = org.org_id in self.late.get(month, ())
            totals = tuple(
                UsageTotal(org.org_id, "gb", {"region": f"r{n}"}, Decimal(1000 + n + late) / 8, None, 7)
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
        def in_force(month: Month) -> Callable[[str], BooksOfMonth | None]:
            return cache(lambda currency: books_of_month(books, currency, month))

        drafts, invoices = Drafts(engine), Invoices(engine)
        accounts = Accounts(usage, BilledMonths(engine), Items(engine), in_force, lookback_months=3)

        def close(month: Month, now: datetime) -> str:
            priced = finalized = 0.0
            for shard in range(SHARDS):
                start = time.perf_counter()
                price_shard(month, shard, by_shard[shard], usage, in_force(month), drafts, now, (), accounts)
                middle = time.perf_counter()
                finalize_shard(
                    month, shard, invoices, Holds(engine), now, (), OutcomePolicy(hold_above_multiple=Decimal(20))
                )
                priced, finalized = priced + middle - start, finalized + time.perf_counter() - middle
            return f"priced and stored in {priced:.1f} s, finalized in {finalized:.1f} s: {priced + finalized:.1f} s"

        first = close(MONTH, NOW)
        usage.late = {MONTH: {org.org_id for found in by_shard.values() for org in found[::LATE_EVERY]}}
        second = close(MONTH.next(), MONTH.next().end)
        engine.dispose()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{orgs * lines:,} lines of {orgs:,} orgs (the bar: 60 s for 1,000,000 and 50,000), {memory:.0f} MB at most\n"
        f"  the first month: {first}\n"
        f"  the next, with late usage of every {LATE_EVERY}th org: {second}\n"
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
