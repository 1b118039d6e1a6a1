"""A small table of usage in each engine that is here, DuckDB and Postgres at least, and what comes of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis
import psycopg
import pytest

from flybill_pipeline.billing.usage.tables import Pulled
from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline_tests.worlds.engines import engine_address

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
    """An engine with a table `usage`, which a query finds as `relation`. `run` runs statements there.

    `never` are two times, one of the future and one of the past, that no usage has; not all engines know infinity.
    """

    url: str
    run: Callable[..., None]
    folder: Path
    relation: str = "usage"
    never: tuple[str, str] = ("infinity", "0900-01-01T00:00:00Z")

    def add(self, *rows: Row) -> None:
        """Rows of id, org, meter, quantity, time, watermark, region."""
        marks = ", ".join("?" * 7)
        for row in rows:
            self.run(f"insert into usage values ({marks})", row)

    def table(self, source: str = SOURCE) -> EngineTable:
        if self.relation != "usage":
            source = source.replace('table = "usage"', "query = 'select * from usage'")
        (self.folder / "sources.toml").write_text(source.replace(" from usage", f" from {self.relation}"))
        (mapping,) = load_sources(self.folder / "sources.toml").values()
        assert mapping.table is not None
        return EngineTable(mapping, mapping.table, lambda _: self.url)

    def told(self, watermark: str | None = None, source: str = SOURCE) -> tuple[Told, Pulled]:
        """Day → its totals as they would be landed, without their ids."""
        with self.table(source).pulled(watermark, NOW) as pulled:
            query = "select * exclude (event_id) from read_parquet(?) order by all"
            told = [(str(day.day), duckdb.execute(query, [day.location]).fetchall()) for day in pulled.days]
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


def in_clickhouse(folder: Path, url: str, number: str) -> Engine:
    """The table is made anew of the rows each time that there are other ones."""
    here, file = in_duckdb(folder, "", number), folder / "usage.parquet"

    def run(statement: str, values: Iterable[Any] = ()) -> None:
        here.run(statement, values)
        here.run(f"copy usage to '{file}' (format parquet)")
        backend = ibis.connect(url)
        backend.con.command("drop table if exists usage")
        backend.con.command(f"create table usage engine = Memory as select * from file('{file}')")
        backend.disconnect()

    return Engine(url, run, folder, never=("2200-01-01T00:00:00Z", "1925-01-01T00:00:00Z"))


def in_spark(folder: Path, url: str, number: str) -> Engine:
    """The table is a file: what a session calls a table is gone with it."""
    here, file = in_duckdb(folder, "", number), folder / "usage.parquet"

    def run(statement: str, values: Iterable[Any] = ()) -> None:
        here.run(statement, values)
        here.run(f"copy usage to '{file}' (format parquet)")

    return Engine(f"pyspark://?spark.master={url}", run, folder, f"parquet.`{file}`")


ENGINES = {"duckdb": in_duckdb, "postgres": in_postgres, "clickhouse": in_clickhouse, "spark": in_spark}


@contextmanager
def engine_with(number: str, name: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty table whose quantities are of that type; its test is skipped where the engine is not installed."""
    with ExitStack() as stack:
        if name == "postgres":
            url = request.getfixturevalue("database_url")
        else:
            url = "" if name == "duckdb" else stack.enter_context(engine_address(name))
        yield ENGINES[name](folder, url, number)


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.database] * (name == "postgres")) for name in ENGINES])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine_with("decimal(38, 20)", request.param, tmp_path, request) as engine:
        yield engine


@pytest.fixture(params=["duckdb", "postgres"])
def read_only(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Engine:
    """An engine whose sessions we make such that they only read."""
    return ENGINES[request.param](tmp_path, database_url, "decimal(38, 20)")


@pytest.fixture
def local(tmp_path: Path) -> Engine:
    """The one in DuckDB, for what is the same in each engine."""
    return in_duckdb(tmp_path, "", "decimal(20, 6)")
