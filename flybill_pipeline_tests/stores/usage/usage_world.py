"""A landing zone, a lake and a catalog in one folder and one database, for tests of usage. No assertions here."""

import gzip
import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.steps.usage.compare_days import compare_days
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.record_usage import IntakeReport, record_day, take_in
from flybill_pipeline.stores.postgres.tables import facts, metadata
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline.stores.usage.lake.lake import Intake, Total, UsageLake
from flybill_pipeline.stores.usage.lake.storage import storage_at
from flybill_pipeline.stores.usage.lake.tables import (
    aliases,
    lake_files,
    landed_files,
    restated_pieces,
    usage_day_versions,
    usage_days,
    usage_exclusions,
    usage_pieces,
)

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 5)
SOURCES = """
[[sources]]
name = "edge"
format = "jsonl"
files = "edge/**/*.jsonl*"
columns = { event_id = "id", org_id = "org", meter = { constant = "traffic_gb" }, quantity = "gb", occurred_at = "ts" }
dimensions = { region = "region" }

[[sources]]
name = "machines"
format = "csv"
files = "machines/**/*.csv*"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "seconds", occurred_at = "ts" }
dimensions = { size = "size", region = "region" }
null_values = ["NULL"]
allow_negative = false

[[sources]]
name = "volumes"
format = "parquet"
files = "volumes/**/*.parquet*"
columns = { event_id = "id", org_id = "org", meter = { constant = "volume_gb" }, quantity = "gb", occurred_at = "ts" }
dimensions = { region = "region" }

[[sources]]
name = "events"
format = "jsonl"
files = "events/*.jsonl*"
columns = { event_id = "id", org_id = "subject", meter = "type", quantity = "data.quantity", occurred_at = "time" }
dimensions = { region = "data.region" }
"""


class UsageWorld:
    """Everything that usage passes through; files are landed with ever later times of modification.

    `lake` is the address of a lake that is no folder below `root`.
    """

    def __init__(self, root: Path, engine: Engine, sources: str = SOURCES, lake: str | None = None) -> None:
        tables = [facts, landed_files, lake_files, usage_pieces, restated_pieces, usage_exclusions, usage_days]
        tables += [usage_day_versions, aliases]
        metadata.create_all(engine, tables=tables)
        with engine.begin() as connection:  # of a schema that no migration made
            connection.execute(insert(facts).values(name="deployment", value="one").on_conflict_do_nothing())
        (root / "sources.toml").write_text(sources)
        self.sources = load_sources(root / "sources.toml")
        self.landing = Landing(str(root / "landing"), self.sources)
        self.catalog = LakeCatalog(engine)
        intake = Intake(self.sources, landing=self.landing.root)
        self.lake = UsageLake(storage_at(lake or str(root / "lake"), root), self.catalog, shards=16, intake=intake)
        self.clock = 1_790_000_000

    def put(self, path: str, content: bytes | str) -> Path:
        """Writes a file into the landing zone, as an exporter would."""
        file = self.landing.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.clock += 1
        os.utime(file, (self.clock, self.clock))
        return file

    def take_in(self, now: datetime = NOW) -> IntakeReport:
        report = take_in(self.landing, self.lake, self.catalog, now)
        compare_days(self.lake, self.catalog)
        return report

    def run(self, now: datetime = NOW) -> IntakeReport:
        """Takes in what is landed and brings every day up to date."""
        report = self.take_in(now)
        for day in self.catalog.days_to_record():
            record_day(day, self.lake, self.catalog)
            compile_day(day, self.lake, self.catalog)
        return report

    def record_all(self) -> None:
        """Records every day that is behind."""
        for day in self.catalog.days_to_record():
            record_day(day, self.lake, self.catalog)

    def compile_all(self) -> None:
        """Compiles every day that is behind."""
        for day in self.catalog.days_to_record():
            compile_day(day, self.lake, self.catalog)

    def totals(self, days: Sequence[date] | None = None, **options: Any) -> list[Total]:
        return list(self.lake.monthly_totals(days or list(self.catalog.manifests()), **options))

    def quantities(self) -> dict[str, str]:
        """Org → the exact sum of everything that it used, as plain text."""
        sums: dict[str, Any] = {}
        for total in self.totals():
            sums[total.org_id] = sums.get(total.org_id, 0) + total.quantity
        return {org: format(quantity.normalize(), "f") for org, quantity in sums.items()}


def edge(
    event_id: Any, org: Any = "acme", gb: Any = 1, at: Any = "2026-10-05T10:00:00Z", region: Any = "eu"
) -> dict[str, Any]:
    return {"id": event_id, "org": org, "gb": gb, "ts": at, "region": region}


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def gz(content: str | bytes) -> bytes:
    return gzip.compress(content.encode() if isinstance(content, str) else content)


def copied(query: str, to: Path, options: str) -> bytes:
    """What DuckDB writes for `query` with the COPY `options`."""
    duckdb.execute(f"copy ({query}) to '{to}' ({options})")
    return to.read_bytes()


def later(days: int) -> datetime:
    return NOW + timedelta(days=days)
