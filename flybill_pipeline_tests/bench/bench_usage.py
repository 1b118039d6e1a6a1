"""Measures usage: files → lake against DuckDB's bare conversion, lake → month against its bare group-by, in one run.

    python -m flybill_pipeline_tests.bench.bench_usage --events 1000000 --rounds 3

Prints ratios, by the clock and by CPU time (of this process, which holds DuckDB; the catalog's Postgres is another):
seconds differ from machine to machine, and the clock also counts what the neighbours do. A ratio is the median of
rounds that each do the bare work and ours on the same file. Not a test, so nothing here fails a build.
"""

import argparse
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import Engine

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.stores.files.duck import Limits, duck
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.usage.lake.lake import BATCH
from flybill_pipeline.stores.usage.lake.rollup import daily_rollup_sql
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld

LIMITS = Limits()
NOW = datetime(2026, 11, 2, tzinfo=UTC)
COLUMNS = "event_id, org_id, meter, region, quantity, occurred_at"
MAPPING = """
[[sources]]
name = "{kind}"
format = "{kind}"
files = "{kind}/*"
dimensions = {{ region = "region" }}
[sources.columns]
event_id = "event_id"
org_id = "org_id"
meter = "meter"
quantity = "quantity"
occurred_at = "occurred_at"
"""
TYPES = (
    "{'event_id': 'VARCHAR', 'org_id': 'VARCHAR', 'meter': 'VARCHAR', 'region': 'VARCHAR', "
    "'quantity': 'DECIMAL(18, 6)', 'occurred_at': 'TIMESTAMP'}"
)
READERS = {
    "jsonl": f"read_json('{{}}', format = 'newline_delimited', columns = {TYPES})",
    "csv": f"read_csv('{{}}', columns = {TYPES})",
    "parquet": "read_parquet('{}', file_row_number = true)",
}
ROWS = {"jsonl": "row_number() over ()", "csv": "row_number() over ()", "parquet": "file_row_number"}
WRITERS = {"jsonl": "format json", "csv": "format csv", "parquet": "format parquet, compression zstd"}


class Cost(NamedTuple):
    """What a piece of work took, in seconds."""

    clock: float
    cpu: float


@dataclass(frozen=True)
class Round:
    """The bare work and ours, once each, on the same file."""

    bare_intake: Cost
    intake: Cost
    bare_rollup: Cost
    rollup: Cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--formats", nargs="+", default=list(READERS), choices=list(READERS))
    options = parser.parse_args()
    with TemporaryDirectory(prefix="fb") as folder, serving(Path(folder) / "pg", keep=False) as url:
        Path(folder).chmod(0o755)
        engine = open_engine(url.format("postgres"))
        for kind in options.formats:
            events = Path(folder) / f"events.{kind}"
            generate(Path(folder), events, kind, options.events)
            rounds = [measure(Path(folder) / kind, engine, kind, events) for _ in range(options.rounds)]
            show(kind, options.events, rounds)
        engine.dispose()
    say(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024:.2f} GiB")


def measure(folder: Path, engine: Engine, kind: str, events: Path) -> Round:
    """Bare work and ours on the same file, with a catalog and a lake of their own."""
    with fresh_catalog(engine):
        folder.mkdir()
        world = UsageWorld(folder, engine, MAPPING.format(kind=kind))
        file = world.put(f"{kind}/{events.name}", b"")
        file.unlink()
        file.hardlink_to(events)
        daily_rollup_sql("duckdb")  # Ibis takes a second to import, once a process
        measured = Round(
            bare_intake=cost(lambda: convert(folder, file, kind)),
            intake=cost(lambda: record(world)),
            bare_rollup=cost(lambda: group(folder, world)),
            rollup=cost(lambda: compile_month(world)),
        )
        shutil.rmtree(folder)
    return measured


def generate(folder: Path, file: Path, kind: str, events: int) -> None:
    """A month of usage in one file: zipf-like organizations, 12 meters, 30 regions, 1 % of the rows twice."""
    with duck(folder, LIMITS) as connection:
        connection.execute(f"""copy (
            select 'evt_' || lpad(i::varchar, 16, '0') as event_id,
                   'org_' || lpad(((50000 ** r - 1)::integer)::varchar, 5, '0') as org_id,
                   'meter_' || (i // 7 % 12)::varchar as meter, 'region-' || (i // 3 % 30)::varchar as region,
                   ((i * 7919) % 1000000007)::decimal(18, 0) * 0.000001::decimal(7, 6) as quantity,
                   timestamp '2026-10-01' + to_microseconds(i * (31 * 86400000000 // {events})) as occurred_at
            from (select i, hash(i) % 1000000 / 1000000.0 as r
                  from (select case when n % 100 = 1 then n - 1 else n end as i from range({events}) t(n)))
        ) to '{file}' ({WRITERS[kind]})""")


def convert(folder: Path, file: Path, kind: str) -> None:
    """What DuckDB alone needs to turn the file into the same Parquet: no checks, no dedup, no catalog."""
    with duck(folder, LIMITS) as connection:
        connection.execute(f"""copy (
            select event_id, org_id, meter, '{{"region":"' || region || '"}}' as dimensions,
                   quantity::decimal(38, 18) as quantity, occurred_at, {ROWS[kind]} as row, 1::bigint as arrival,
                   '{kind}' as source, date '{NOW:%Y-%m-%d}' as arrived_on, occurred_at::date as day
            from {READERS[kind].replace("{}", str(file))}
        ) to '{folder / "bare"}' (format parquet, compression zstd, compression_level 1, partition_by (day))""")


def record(world: UsageWorld) -> None:
    world.take_in(NOW)
    world.record_all()


def group(folder: Path, world: UsageWorld) -> None:
    """What DuckDB alone needs to group the same columns by day, write them, and group by month: no dedup."""
    with duck(folder, LIMITS) as connection:
        for day in world.catalog.manifests():
            connection.execute(f"""copy (
                select org_id, meter, dimensions, arrived_on, sum(quantity) as quantity, count(*) as events,
                       max(occurred_at) as last from read_parquet('{world.lake.root}/events/day={day}/*') group by all
            ) to '{folder}/{day}.totals' (format parquet, compression zstd, compression_level 1)""")
        # Like ours it ends with each group's exact Decimal in Python.
        month = connection.execute(f"""select org_id, meter, dimensions, sum(quantity), sum(events), max(last)
            from read_parquet('{folder}/*.totals') group by all order by org_id, meter, dimensions""")
        while month.fetchmany(BATCH):
            pass


def compile_month(world: UsageWorld) -> None:
    world.compile_all()
    for _ in world.lake.monthly_totals(world.catalog.manifests()):
        pass


@contextmanager
def fresh_catalog(engine: Engine) -> Iterator[None]:
    with engine.begin() as connection:
        connection.exec_driver_sql("drop schema if exists flybill cascade; create schema flybill")
    yield


def cost(work: Callable[[], None]) -> Cost:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - clock, time.process_time() - cpu)


def show(kind: str, events: int, rounds: Sequence[Round]) -> None:
    intake = compared("files → lake", 2.0, [(each.intake, each.bare_intake) for each in rounds])
    rollup = compared("lake → month", 1.3, [(each.rollup, each.bare_rollup) for each in rounds])
    say(f"{kind:8} {events:>11,} events   {intake}   {rollup}")


def compared(what: str, bar: float, pairs: Sequence[tuple[Cost, Cost]]) -> str:
    """Our work against the bare work: medians over the rounds."""
    clock, cpu = (median(ours[i] / bare[i] for ours, bare in pairs) for i in (0, 1))
    ours, bare = (median(each[i].cpu for each in pairs) for i in (0, 1))
    return f"{what} {clock:.2f} x bare by the clock, {cpu:.2f} x by CPU ({ours:.2f} s / {bare:.2f} s, bar {bar})"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
