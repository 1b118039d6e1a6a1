"""Measures usage: files → lake against DuckDB's bare conversion, lake → month against its bare group-by, in one run.

    python -m flybill_pipeline_tests.bench.bench_usage --events 1000000 --formats parquet

A month is landed day by day, and no file stays once it is read, so that the disk and the memory of a small machine do
for any number of events. The bare work is done on the same files in turn with ours. Ratios are of CPU time (of this
process, which holds DuckDB; the catalog's Postgres is another): the clock also counts what the neighbours do.
"""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.usage.compare_days import compare_days
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.record_usage import record_day, take_in
from flybill_pipeline.stores.files.duck import Limits, duck
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.usage.lake.lake import BATCH
from flybill_pipeline.stores.usage.lake.rollup import daily_rollup_sql
from flybill_pipeline.stores.usage.lake.summed_days import EVENTS, OURS
from flybill_pipeline_tests.bench.figures import Cost, Figure, Measure, cost, forget_peak, hand_over, peak_mb, say
from flybill_pipeline_tests.bench.usage_files import MadeUpMonth
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld

LIMITS = Limits()
NOW = datetime(2026, 11, 2, tzinfo=UTC)
SEED = 1
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
MOST_MB = 3072


class WrongTotalsError(Exception):
    """The month does not come to what its files said: what was measured is worth nothing."""


@dataclass
class Stage:
    """One piece of the way: what the bare work took so far, what ours did, and the most memory of ours (MB)."""

    bare: Cost = field(default_factory=Cost)
    ours: Cost = field(default_factory=Cost)
    peak: float = 0

    def figure(self, name: str, events: int, floor: str, bar: float) -> Figure:
        """The stage as it goes into the table."""
        measures = (
            Measure(self.ours.cpu / self.bare.cpu, f"x {floor}, by CPU", bar),
            Measure(self.ours.clock / self.bare.clock, f"x {floor}, by the clock"),
            Measure(self.peak, "MB at most", MOST_MB),
        )
        return Figure(name, events, "events", self.ours.clock, self.ours.cpu, self.peak, measures)


class Measured:
    """A month that goes from files of one format to its totals, piece by piece, each beside the bare work."""

    def __init__(self, folder: Path, engine: Engine, kind: str, events: int) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("drop schema if exists flybill cascade; create schema flybill")
        self._folder, self._kind = folder, kind
        self._world = UsageWorld(folder, engine, MAPPING.format(kind=kind))
        self._month = MadeUpMonth(folder, kind, events, SEED)
        self.intake, self.rollup = Stage(), Stage()

    def run(self) -> None:
        """The whole way. Raises WrongTotalsError when what comes out is not what went in."""
        daily_rollup_sql(OURS, EVENTS)  # Ibis takes a second to import, once a process
        for file in self._month.files():
            self._take(self._month.write(*file))
        self._ours(self.intake, lambda: compare_days(self._world.lake, self._world.catalog))
        for day in self._world.catalog.days_to_record():
            self._ours(self.intake, partial(record_day, day, self._world.lake, self._world.catalog))
        for day in self._world.catalog.manifests():
            self.rollup.bare += cost(partial(self._group, day))
            self._ours(self.rollup, partial(compile_day, day, self._world.lake, self._world.catalog))
        self.rollup.bare += cost(self._group_month)
        sums: list[Decimal] = []
        self._ours(self.rollup, lambda: sums.append(self._come_to()))
        if sums != [expected := self._month.counted()]:
            raise WrongTotalsError(f"{sums[0]:f}, where the files said {expected:f}")

    def _take(self, file: Path) -> None:
        self.intake.bare += cost(lambda: self._convert(file))
        shutil.rmtree(self._folder / "bare")
        landed = self._world.put(f"{self._kind}/{file.name}", b"")
        file.replace(landed)
        self._ours(self.intake, lambda: take_in(self._world.landing, self._world.lake, self._world.catalog, NOW))
        landed.unlink()

    def _ours(self, stage: Stage, work: Callable[[], object]) -> None:
        forget_peak()
        stage.ours += cost(work)
        stage.peak = max(stage.peak, peak_mb())

    def _convert(self, file: Path) -> None:
        """What DuckDB alone needs to turn the file into the same Parquet: no checks, no dedup, no catalog."""
        with duck(self._folder, LIMITS) as connection:
            connection.execute(f"""copy (
                select event_id, org_id, meter, '{{"region":"' || region || '"}}' as dimensions,
                       quantity::decimal(38, 18) as quantity, occurred_at, {ROWS[self._kind]} as row,
                       1::bigint as arrival, '{self._kind}' as source, date '{NOW:%Y-%m-%d}' as arrived_on,
                       occurred_at::date as day
                from {READERS[self._kind].replace("{}", str(file))}
            ) to '{self._folder / "bare"}'
            (format parquet, compression zstd, compression_level 1, partition_by (day))""")

    def _group(self, day: date) -> None:
        """What DuckDB alone needs to group the same columns of a day and write them: no dedup."""
        with duck(self._folder, LIMITS) as connection:
            connection.execute(f"""copy (
                select org_id, meter, dimensions, arrived_on, sum(quantity) as quantity, count(*) as events,
                       max(occurred_at) as last
                from read_parquet('{self._world.lake.root}/events/day={day}/*') group by all
            ) to '{self._folder}/{day}.totals' (format parquet, compression zstd, compression_level 1)""")

    def _group_month(self) -> None:
        """The days together. Like ours it ends with each group's exact Decimal in Python."""
        with duck(self._folder, LIMITS) as connection:
            month = connection.execute(f"""select org_id, meter, dimensions, sum(quantity), sum(events), max(last)
                from read_parquet('{self._folder}/*.totals') group by all order by org_id, meter, dimensions""")
            while month.fetchmany(BATCH):
                pass

    def _come_to(self) -> Decimal:
        with exact():
            totals = self._world.lake.monthly_totals(self._world.catalog.manifests())
            return sum((total.quantity for total in totals), Decimal(0))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=list(READERS), choices=list(READERS))
    options = parser.parse_args()
    with TemporaryDirectory(prefix="fb") as name, serving(Path(name) / "pg", keep=False) as url:
        Path(name).chmod(0o755)
        engine = open_engine(url.format("postgres"))
        for kind in options.formats:
            folder = Path(name) / kind
            folder.mkdir()
            measured = Measured(folder, engine, kind, options.events)
            measured.run()
            shutil.rmtree(folder)
            for figure in (
                measured.intake.figure(f"{kind} files → lake", options.events, "a bare conversion", 2.0),
                measured.rollup.figure(f"lake → month, of {kind}", options.events, "a bare group-by", 1.2),
            ):
                hand_over(figure)
                told = ", ".join(f"{each.value:.2f} {each.what}" for each in figure.measures)
                say(f"{figure.stage}: {options.events:,} events, {told}")
        engine.dispose()


if __name__ == "__main__":
    main()
