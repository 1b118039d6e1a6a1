"""Measures pricing, storing and finalizing a month in Postgres; the bar: 1 M lines and 50,000 invoices in 35 s.

    python -m flybill_pipeline_tests.bench.bench_billing --orgs 50000 --lines 20

Two processes close one shard after another, as the runs in Dagster's queue do (what starting one takes is
bench_dagster's). Usage is made up in memory, so that only pricing and the billing tables are measured; items, late
usage and holds are looked at as in production.
"""

import argparse
import csv
import os
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.outcomes import OutcomePolicy
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER, BilledOrg
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.price_changes import books_of_month, fingerprint
from flybill_pipeline.billing.pricing.prices import Price, PriceBook, PriceBooks, Tier
from flybill_pipeline.billing.usage.meters import Aggregation, Meter
from flybill_pipeline.billing.usage.totals import OrgUsage, UsageTotal
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.invoicing.finalize_invoices import finalize_shard
from flybill_pipeline.steps.pricing.open_accounts import Accounts
from flybill_pipeline.steps.pricing.price_usage import PricedFrom, PricingReport, price_shard
from flybill_pipeline.stores.invoicing.billed_months import BilledMonths
from flybill_pipeline.stores.invoicing.draft_lines import LINE_COLUMNS
from flybill_pipeline.stores.invoicing.drafts import Drafts
from flybill_pipeline.stores.invoicing.holds import Holds
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline.stores.invoicing.items import Items
from flybill_pipeline.stores.invoicing.items_file import COLUMNS, read_items
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline.stores.postgres.database import migrate, open_engine
from flybill_pipeline.stores.pricing.inputs import PricingInputs
from flybill_pipeline_tests.bench.figures import Cost, Figure, Measure, cost, hand_over
from flybill_pipeline_tests.worlds.landed import ALL_READ
from flybill_pipeline_tests.worlds.organizations import org_row

MONTH = Month(2026, 10)
SHARDS = 16
LOOKBACK_MONTHS = 3
PROCESSES = 2  # the bar is for two cores
LONGEST_START_SECONDS = 120
MILLION = 1_000_000
LATE_EVERY = 20
ITEMS: tuple[tuple[int, str, dict[str, str]], ...] = (
    (5, "subscription", {"amount": "9.99", "currency": "usd", "start": "2026-10-11", "seats": "3"}),
    (10, "credit", {"amount": "5", "currency": "usd", "start": "2026-10-01"}),
    (10, "discount", {"percent": "12.5", "start": "2026-10"}),
)


class MadeUpUsage:
    """So many totals for every org, each of a region of its own, so that each becomes a line.

    Every 20th org has usage in `late_in` that no invoice of it billed.
    """

    def __init__(self, lines: int, orgs: dict[int, list[BilledOrg]]) -> None:
        self._lines = lines
        self._orgs = orgs
        self._latecomers = {org.org_id for found in orgs.values() for org in found[::LATE_EVERY]}
        self.late_in: Month | None = None

    def version(self, month: Month) -> str:
        return f"{month} with late usage" if month == self.late_in else str(month)

    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> dict[str, str]:
        return {org.org_id: "late" if self._is_late(month, org) else "" for org in self._orgs[shard or 0]}

    def orgs(self, month: Month, shard: int) -> dict[str, bool]:
        return {org.org_id: False for org in self._orgs[shard or 0]}

    def of_month(
        self, month: Month, shard: int | None, org_ids: Collection[str] = (), **detail: object
    ) -> Iterator[OrgUsage]:
        for org in self._orgs[shard or 0]:
            if org_ids and org.org_id not in org_ids:
                continue
            late = self._is_late(month, org)
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

    def _is_late(self, month: Month, org: BilledOrg) -> bool:
        return month == self.late_in and org.org_id in self._latecomers


def book() -> PriceBook:
    """Graduated tiers, a line for each region."""
    tiers = (Tier(Decimal(100), Decimal("0.02")), Tier(None, Decimal("0.015")))
    price = Price(meter="gb", model=models.GRADUATED, tiers=tiers, group_by=("region",))
    return PriceBook("usd", MONTH.first_day, {"gb": Meter("gb", Aggregation.SUM, "GB")}, (price,))


def save_orgs(engine: Engine, folder: Path, orgs: int) -> None:
    """Organizations; a plan for every fifth of them, a prepaid credit for every tenth, and a discount."""
    Organizations(engine, SHARDS).save((org_row(f"org{n:06d}") for n in range(orgs)), EVER)
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
    Items(engine, LOOKBACK_MONTHS).save(file, read_items(file))


class Closed(NamedTuple):
    """What closing a shard came to, with the seconds of pricing, of finalizing, and of CPU for each here."""

    lines: int
    invoices: int
    pricing: float
    pricing_cpu: float
    finalizing: float
    finalizing_cpu: float


class Billing:
    """Closes months shard by shard, by the steps that the assets run."""

    def __init__(self, url: str, lines: int) -> None:
        engine = open_engine(url)
        organizations, items = Organizations(engine, SHARDS), Items(engine, LOOKBACK_MONTHS)
        terms = {shard: organizations.terms(shard) for shard in range(SHARDS)}
        self._orgs = {shard: [each.in_month(MONTH) for each in of.values()] for shard, of in terms.items()}
        self._usage, books = MadeUpUsage(lines, self._orgs), PriceBooks((book(),))
        self._in_force = cache(lambda month: cache(lambda currency: books_of_month(books, currency, month)))
        self._drafts, self._invoices, self._holds = Drafts(engine), Invoices(engine), Holds(engine)
        of_all = {org_id: each for of_shard in terms.values() for org_id, each in of_shard.items()}
        self._accounts = Accounts(self._usage, BilledMonths(engine), items, self._in_force, LOOKBACK_MONTHS, of_all)
        self._inputs = PricingInputs(engine)

    def close(self, month: Month, shard: int) -> Closed:
        """Prices and finalizes one shard; since the month before was closed, late usage of it has come."""
        self._usage.late_in = month.previous() if month != MONTH else None
        lines, pricing, pricing_cpu = _timed(lambda: self._price(month, shard))
        invoices, finalizing, finalizing_cpu = _timed(lambda: self._finalize(month, shard))
        return Closed(lines, invoices, pricing, pricing_cpu, finalizing, finalizing_cpu)

    def refresh(self, month: Month, shard: int, changed: bool) -> tuple[int, float]:
        """Prices one shard of a running month, with or without new usage of every 20th org: drafts made, CPU seconds.

        What changed is told by fingerprints, as the lake does.
        """
        self._usage.late_in = month if changed else None
        cpu = time.process_time()
        report = self._report(month, shard, month.end - timedelta(days=3))
        return report.drafts - report.unchanged, time.process_time() - cpu

    def _price(self, month: Month, shard: int) -> int:
        return self._report(month, shard, month.end).lines

    def _report(self, month: Month, shard: int, now: datetime) -> PricingReport:
        books, orgs = self._in_force(month), self._orgs[shard]
        kept = self._inputs.keep(month, {"usd": fingerprint(books("usd"))}).inputs_id
        source = PricedFrom(self._usage, books, self._accounts, kept)
        return price_shard(ShardMonth(month, shard, now), orgs, source, self._drafts)

    def _finalize(self, month: Month, shard: int) -> int:
        policy = OutcomePolicy(hold_above_multiple=Decimal(20))
        report = finalize_shard(ShardMonth(month, shard, month.end), self._invoices, self._holds, ALL_READ, policy)
        return report.outcomes.get("invoiced", 0)


def _timed(work: Callable[[], int]) -> tuple[int, float, float]:
    seconds, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - seconds, time.process_time() - cpu


@cache
def _billing(url: str, lines: int) -> Billing:
    """The one of this process."""
    return Billing(url, lines)


def _begin(url: str, lines: int, ready: Barrier) -> None:
    _billing(url, lines)
    ready.wait()


def _close(url: str, lines: int, month: Month, shard: int) -> Closed:
    return _billing(url, lines).close(month, shard)


def _refresh(url: str, lines: int, month: Month, shard: int, changed: bool) -> tuple[int, float]:
    return _billing(url, lines).refresh(month, shard, changed)


def _peak_mb(_: int) -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Workers:
    """Processes that close shards, all of them ready to."""

    def __init__(self, url: str, lines: int) -> None:
        spawning = get_context("spawn")
        ready = spawning.Barrier(PROCESSES + 1)
        self._pool = spawning.Pool(PROCESSES, _begin, (url, lines, ready))
        self._close, self._refresh = partial(_close, url, lines), partial(_refresh, url, lines)
        ready.wait(LONGEST_START_SECONDS)  # raises, if one of them cannot begin

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()  # they end by themselves: one that was begun where signals are ignored is not terminated
        self._pool.join()

    def close(self, month: Month) -> Closed:
        """Closes every shard of a month; the seconds are those of all processes."""
        shards = self._pool.starmap(self._close, [(month, shard) for shard in range(SHARDS)], chunksize=1)
        return Closed(*map(sum, zip(*shards, strict=True)))

    def refresh(self, month: Month, changed: bool) -> str:
        """Prices every shard of a running month; what that took, in words."""
        start = time.perf_counter()
        asked = [(month, shard, changed) for shard in range(SHARDS)]
        drafts, cpu = map(sum, zip(*self._pool.starmap(self._refresh, asked, chunksize=1), strict=True))
        seconds = time.perf_counter() - start
        return f"{drafts:,} drafts made in {seconds:.1f} s (CPU {cpu / PROCESSES:.1f} s of each process)"

    def peak_mb(self) -> float:
        """No less than the most memory that the processes had, all together."""
        return PROCESSES * max(self._pool.map(_peak_mb, range(SHARDS), chunksize=1))


class Server:
    """The Postgres in whose tables it is stored."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def cpu(self) -> float:
        """User and system time (seconds) of all its processes, those that have ended too; 0 without /proc."""
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


def close(workers: Workers, server: Server, month: Month) -> tuple[Cost, str]:
    """Closes a month; what it took of the clock and of all processors, and that in words."""
    there, start = server.cpu(), time.perf_counter()
    done = workers.close(month)
    seconds, there = time.perf_counter() - start, server.cpu() - there
    return Cost(seconds, done.pricing_cpu + done.finalizing_cpu + there), (
        f"{done.lines:,} lines and {done.invoices:,} invoices in {seconds:.1f} s\n"
        f"    of each process: pricing and storing {done.pricing / PROCESSES:.1f} s "
        f"(CPU {done.pricing_cpu / PROCESSES:.1f} s), finalizing {done.finalizing / PROCESSES:.1f} s "
        f"(CPU {done.finalizing_cpu / PROCESSES:.1f} s); CPU of Postgres {there:.1f} s"
    )


def measure(orgs: int, lines: int) -> None:
    """Runs it once on a server set up as in production, and prints what it took."""
    with TemporaryDirectory(prefix="fb") as name, serving(Path(name) / "pg") as url:
        folder, engine = Path(name), open_engine(url.format("flybill"))
        migrate(engine, shards=SHARDS)
        save_orgs(engine, folder, orgs)
        server = Server(folder / "pg")
        with Workers(url.format("flybill"), lines) as workers:
            whole, again = workers.refresh(MONTH, changed=False), workers.refresh(MONTH, changed=True)
            first, told = close(workers, server, MONTH)
            there = server.cpu()
            bare = cost(bare_copy(engine, folder, MONTH))
            bare = bare._replace(cpu=bare.cpu + server.cpu() - there)
            _, told_next = close(workers, server, MONTH.next())
            memory = workers.peak_mb()
        engine.dispose()
    measures = (
        Measure(first.clock * MILLION / (orgs * lines), "s for a million lines", 35),
        Measure(first.clock / bare.clock, "x a bare COPY, by the clock", 5),
        Measure(first.cpu / bare.cpu, "x a bare COPY, by CPU"),
        Measure(memory, "MB in all", 2048),
    )
    hand_over(Figure("price, store, finalize", orgs * lines, "lines", first.clock, first.cpu, memory, measures))
    sys.stdout.write(
        f"{orgs * lines:,} lines of {orgs:,} orgs by {PROCESSES} processes (the bar: 35 s for 1,000,000 and 50,000), "
        f"{memory:.0f} MB in all; load {os.getloadavg()[0]:.1f}\n"
        f"  the running month for the first time: {whole}\n"
        f"    and when every {LATE_EVERY}th org has new usage: {again}\n"
        f"  {told}\n"
        f"    {first.clock / bare.clock:.1f}x a bare COPY of the same lines by one: {bare.clock:.1f} s\n"
        f"  the next month, with late usage of every {LATE_EVERY}th org: {told_next}\n"
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
