"""Fixtures that many folders share, each made once for a worker: a Postgres, emulators, deployments. And what is slow.

A test is slow when it needs a deployment, the processes of Dagster, or a program of its own that takes long. It is
marked `database` when it asks for one, and `lake` where DuckDB reads and writes files. All is seen by its fixtures and
its place, so a new test lands on the right side by itself.
"""

import atexit
import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from flybill_pipeline.local.postgres import serving
from flybill_pipeline_tests.worlds.compiled import compile_once
from flybill_pipeline_tests.worlds.databases import Databases, fresh_databases
from flybill_pipeline_tests.worlds.deployment import Deployments
from flybill_pipeline_tests.worlds.effort import register_profiles
from flybill_pipeline_tests.worlds.emulator import Emulators
from flybill_pipeline_tests.worlds.in_memory import keep_in_memory
from flybill_pipeline_tests.worlds.one_duckdb import share_duckdb
from flybill_pipeline_tests.worlds.project import PROJECT, SHARED

__all__ = ["PROJECT", "SHARED"]

register_profiles()
compile_once()
keep_in_memory()
share_duckdb()
gc.disable()  # until all is imported: to look through ever more of it is a seventh of that

LONGEST = (  # files of minutes each, which go first: a worker that begins one at the end has all others wait for it
    "test_a_year.py",
    "test_daemon.py",
    "test_crash_points.py",
    "test_checks.py",
    "test_bench.py",
)
SLOW_FIXTURES = {"deploy", "home"}
SLOW_FOLDERS = {"bench", "chaos", "defs", "demo", "local"}
SLOW_FILES = {"test_planted_bugs.py"}
DATABASE_FIXTURE = "postgres_url"
LAKE = ("stores/usage", "stores/files", "docs/test_sources.py")
HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is marked by its place is passed over where it is not wanted: to import it takes as long as many tests."""
    asked, place = config.option.markexpr, collection_path.relative_to(HERE).as_posix()
    unwanted = set() if " or " in asked else set(asked.split(" and "))
    slow = "not slow" in unwanted and place in SLOW_FOLDERS
    return True if slow or ("not lake" in unwanted and place in LAKE) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow, needs a database or a lake, and puts the longest files first; the others stay as they are."""
    for item in items:
        place, fixtures = item.path.relative_to(HERE), getattr(item, "fixturenames", ())
        slow = place.parts[0] in SLOW_FOLDERS or place.name in SLOW_FILES
        if slow or SLOW_FIXTURES.intersection(fixtures):
            item.add_marker("slow")
        if any(place.is_relative_to(of_lake) for of_lake in LAKE):
            item.add_marker("lake")
        if DATABASE_FIXTURE in fixtures:
            item.add_marker("database")
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_collection_finish() -> None:
    """What was imported stays: the collector of garbage need not look through all of it again and again."""
    gc.freeze()
    gc.set_threshold(20_000)  # a test makes little garbage: to look for it took a twentieth of the time
    gc.enable()
    atexit.register(_say_no_more)


def _say_no_more() -> None:
    """The result of the tests is the last word: DuckDB has a page for one that ends with its types in use."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a Postgres that lives as long as the test session; `{}` stands for the database's name."""
    with serving(Path(tempfile.gettempdir()) / f"flybill-test-{uuid4().hex[:8]}", keep=False) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A new, empty database of its own for one test."""
    with fresh_databases(postgres_url, "t") as (url,):
        yield url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """Migrated billing databases, to be lent."""
    made = Databases(postgres_url)
    yield made
    made.close()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """An engine on a migrated billing database with nothing in it."""
    with databases.lent() as lent:
        yield lent


@pytest.fixture(scope="session")
def emulators() -> Iterator[Emulators]:
    """Emulators without limits, to be lent."""
    made = Emulators()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def deploy(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Deployments:
    """Makes a deployment of flybill: `with deploy(emulator, shards=1) as flybill`."""
    return Deployments(postgres_url, lambda: tmp_path_factory.mktemp("deployment"))
