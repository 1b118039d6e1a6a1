"""Measures pricing, storing and finalizing a month in Postgres: DESIGN's bar is 1 M lines and 50,000 invoices in 60 s.

    python -m flybill_pipeline_tests.bench.bench_billing --orgs 50000 --lines 20

Usage is made up in memory, so that only pricing and the billing tables are measured; items, late usage and holds are
looked at as in production.
"""

import argparse
import csv
import os
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from flybill_pipeline.billing.outcomes import OutcomePolicy
from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.price_changes import books_of_month, fingerprint
from flybill_pipeline.billing.prices import Aggregation, Meter, Price, PriceBook, PriceBooks, PriceModel, Tier
from flybill_pipeline.billing.usage import OrgUsage, UsageTotal
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.finalize_invoices import finalize_shard
from flybill_pipeline.steps.open_accounts import Accounts
from flybill_pipeline.steps.price_usage import price_shard
from flybill_pipeline.stores.billed_months import BilledMonths
from flybill_pipeline.stores.database import migrate, open_engine
from flybill_pipeline.stores.drafts import LINE_COLUMNS, Drafts
from flybill_pipeline.stores.holds import Holds
from flybill_pipeline.stores.invoices import Invoices
from flybill_pipeline.stores.items import Items
from flybill_pipeline.stores.items_file import COLUMNS, read_items
from flybill_pipeline.stores.organizations import Organization, Organizations
from flybill_pipeline.stores.pricing_inputs import PricingInputs

MONTH = Month(2026, 10)
NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
SHARDS = 16
LATE_EVERY = 20
ITEMS: tuple[tuple[int, str, dict[str, str]], ...] = (
    (5, "subscription", {"amount": "9.99", "currency": "usd", "start": "2026-10-11", "seats": "3"}),
    (10, "credit", {"amount": "5", "currency": "usd", "start": "2026-10-01"}),
    (10, "discount", {"percent": "12.5", "start": "2026-10"}),
)


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
                UsageTotal(
                    org.org_id,
                    "gb",
                    {"region": f"r{n}"},
                    Decimal(int(org.org_id[3:]) * 8 + 1000 + n + late) / 8,
                    None,
                    7,
                )
                for n in range(self._lines)
            )
            yield OrgUsage(org.org_id, totals, month.start)


def book() -> PriceBook:
    """Graduated tiers, a line for each region."""
    tiers = (Tier(Decimal(100), Decimal("0.02")), Tier(None, Decimal("0.015")))
    price = Price(meter="gb", model=PriceModel.GRADUATED, tiers=tiers, group_by=("region",))
    return PriceBook("usd", MONTH.first_day, {"gb": Meter("gb", Aggregation.SUM, "GB")}, (price,))


def save_items(store: Items, folder: Path, orgs: int) -> None:
    """A plan for every fifth org, a prepaid credit for every tenth, and a discount."""
    rows = [
        {"item_id": f"{kind}{n}", "kind": kind, "org_id": f"org{n:06d}", "name": kind.title(), **content}
        for every, kind, content in ITEMS
        for n in range(0, orgs, every)
    ]
    file = folder / "items.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    store.save(file, read_items(file))


class Billing:
    """Months closed shard by shard, by the steps that the assets run."""

    def __init__(self, engine: Engine, orgs: int, lines: int, folder: Path) -> None:
        organizations, items = Organizations(engine, SHARDS), Items(engine)
        organizations.save(Organization(f"org{n:06d}", f"Org {n}", "usd") for n in range(orgs))
        save_items(items, folder, orgs)
        self.orgs = {shard: organizations.all(shard) for shard in range(SHARDS)}
        self.usage, books = MadeUpUsage(lines, self.orgs), PriceBooks((book(),))
        self.in_force = cache(lambda month: cache(lambda currency: books_of_month(books, currency, month)))
        self.drafts, self.invoices, self.holds = Drafts(engine), Invoices(engine), Holds(engine)
        self.accounts = Accounts(self.usage, BilledMonths(engine), items, self.in_force, lookback_months=3)
        self.inputs = PricingInputs(engine)

    def price(self, month: Month, now: datetime) -> int:
        """Prices every shard; returns the number of lines."""
        books, lines = self.in_force(month), 0
        for shard, orgs in self.orgs.items():
            kept = self.inputs.keep(month, {"usd": fingerprint(books("usd"))}).inputs_id
            report = price_shard(month, shard, orgs, self.usage, books, self.drafts, now, (), self.accounts, kept)
            lines += report.lines
        return lines

    def finalize(self, month: Month, now: datetime) -> int:
        """Finalizes every shard; returns the number of invoices."""
        policy = OutcomePolicy(hold_above_multiple=Decimal(20))
        reports = [finalize_shard(month, shard, self.invoices, self.holds, now, (), policy) for shard in self.orgs]
        return sum(report.outcomes.get("invoiced", 0) for report in reports)


class Clock:
    """What something takes: seconds, and seconds of CPU here and in Postgres, which a busy machine changes less."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def time(self, work: Callable[[], int]) -> tuple[int, float, str]:
        """What `work` returns, its seconds, and all of it in words."""
        here, there, start = time.process_time(), self._server_cpu(), time.perf_counter()
        done = work()
        seconds = time.perf_counter() - start
        here, there = time.process_time() - here, self._server_cpu() - there
        return done, seconds, f"{seconds:.1f} s (CPU {here:.1f} s here, {there:.1f} s in Postgres)"

    def _server_cpu(self) -> float:
        """User and system time of the server and of all its processes, those that have ended too; 0 without /proc."""
        server = (self._data / "postmaster.pid").read_text().split()[0]
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = stat.parent.name, stat.read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if pid == server:
                ticks += sum(map(int, rest[11:15]))
            elif rest[1] == server:
                ticks += sum(map(int, rest[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")


def bare_copy(engine: Engine, folder: Path, month: Month) -> Callable[[], int]:
    """The same lines as text into a table without key, index and trigger: what any storing of them takes."""
    file = folder / "lines"
    columns = ", ".join(LINE_COLUMNS)
    with engine.begin() as connection, file.open("wb") as out:
        connection.exec_driver_sql("create table bare (like flybill.line_items)")
        query = f"select {columns} from flybill.line_items where month = '{month}'"
        connection.connection.cursor().copy_expert(f"copy ({query}) to stdout", out)

    def copy() -> int:
        with engine.begin() as connection, file.open("rb") as lines:
            cursor = connection.connection.cursor()
            cursor.copy_expert(f"copy bare ({columns}) from stdin", lines)
            return int(cursor.rowcount)

    return copy


def measure(orgs: int, lines: int) -> None:
    """Runs it once on a server set up as in production, and prints what it took."""
    with TemporaryDirectory(prefix="fb") as name, serving(Path(name) / "pg") as url:
        folder, engine = Path(name), open_engine(url.format("flybill"))
        migrate(engine, shards=SHARDS)
        billing, clock = Billing(engine, orgs, lines, folder), Clock(folder / "pg")

        def close(month: Month, now: datetime) -> tuple[float, str]:
            count, priced, pricing = clock.time(lambda: billing.price(month, now))
            invoices, finalized, finalizing = clock.time(lambda: billing.finalize(month, now))
            return priced + finalized, (
                f"  {count:,} lines priced and stored in {pricing}\n"
                f"  {invoices:,} invoices finalized in {finalizing}\n"
                f"  together {priced + finalized:.1f} s"
            )

        first, told = close(MONTH, NOW)
        _, bare, copying = clock.time(bare_copy(engine, folder, MONTH))
        billing.usage.late = {MONTH: {org.org_id for found in billing.orgs.values() for org in found[::LATE_EVERY]}}
        _, second = close(MONTH.next(), MONTH.next().end)
        engine.dispose()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{orgs * lines:,} lines of {orgs:,} orgs (the bar: 60 s for 1,000,000 and 50,000), {memory:.0f} MB at most; "
        f"load {os.getloadavg()[0]:.1f}\n"
        f"{told}, {first / bare:.1f}x a bare COPY of the same lines: {copying}\n"
        f"  the next month, with late usage of every {LATE_EVERY}th org:\n{second}\n"
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
