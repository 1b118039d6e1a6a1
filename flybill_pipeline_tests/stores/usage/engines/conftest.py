"""A small table of usage in each engine that is always here, DuckDB and Postgres, and what comes of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from flybill_pipeline.billing.usage.tables import Pulled
from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
from flybill_pipeline.stores.usage.intake.sources import load_sources

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
TABLE = """create table usage(id text, org text, meter text, quantity {number}, happened timestamptz, seen timestamp,
    region text)"""
SOURCE = """
[[sources]]
name = "warehouse"
format = "table"
url = "$WAREHOUSE"
table = "usage"
watermark = "seen"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "happened" }
dimensions = { region = "region" }
"""
Told = list[tuple[str, list[tuple[Any, ...]]]]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Engine:
    """An engine with a table `usage`. `run` runs statements there."""

    url: str
    run: Callable[..., None]
    folder: Path

    def add(self, *rows: Row) -> None:
        """Rows of id, org, meter, quantity, time, watermark, region."""
        marks = ", ".join("?" * 7)
        for row in rows:
            self.run(f"insert into usage values ({marks})", row)

    def table(self, source: str = SOURCE) -> EngineTable:
        (self.folder / "sources.toml").write_text(source)
        (mapping,) = load_sources(self.folder / "sources.toml").values()
        assert mapping.table is not None
        return EngineTable(mapping, mapping.table, lambda _: self.url)

    def told(self, watermark: str | None = None, source: str = SOURCE) -> tuple[Told, Pulled]:
        """Day → its totals as they would be landed, without their ids."""
        with self.table(source).pulled(watermark, NOW) as pulled:
            query = "select * exclude (event_id) from read_parquet(?) order by all"
            told = [(str(day.day), duckdb.connect().execute(query, [day.location]).fetchall()) for day in pulled.days]
            return told, pulled


def in_duckdb(folder: Path, _: str, number: str) -> Engine:
    file = folder / "warehouse.duckdb"

    def run(statement: str, values: Iterable[Any] = ()) -> None:
        with duckdb.connect(str(file)) as connection:
            connection.execute(statement, list(values))

    run(TABLE.format(number=number))
    return Engine(f"duckdb://{file}", run, folder)


def in_postgres(folder: Path, database_url: str, number: str) -> Engine:
    url = database_url.replace("postgresql+psycopg2://", "postgresql://")

    def run(statement: str, values: Iterable[Any] = ()) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(statement.replace("?", "%s").encode(), list(values))

    run(TABLE.format(number=number))
    return Engine(url, run, folder)


ENGINES = {"duckdb": in_duckdb, "postgres": in_postgres}


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Engine:
    return ENGINES[request.param](tmp_path, database_url, "decimal(38, 20)")


@pytest.fixture
def local(tmp_path: Path) -> Engine:
    """The one in DuckDB, for what is the same in each engine."""
    return in_duckdb(tmp_path, "", "decimal(20, 6)")
