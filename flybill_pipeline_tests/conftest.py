"""Fixtures that many folders share: an embedded Postgres for the session, a fresh migrated database for a test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline_tests.worlds.databases import fresh_databases, migrated

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"

LONGEST = (  # files of minutes each, which go first: a worker that begins one at the end has all others wait for it
    "test_a_year.py",
    "test_daemon.py",
    "test_crash_points.py",
    "test_checks.py",
    "test_bench.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; the others stay as they are."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a Postgres that lives as long as the test session; `{}` stands for the database's name."""
    with serving(Path(f"/tmp/flybill-test-{uuid4().hex[:8]}"), keep=False) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A new, empty database of its own for one test."""
    with fresh_databases(postgres_url, "t") as (url,):
        yield url


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated billing database."""
    with fresh_databases(postgres_url, "t", template=migrated(postgres_url)) as (url,):
        opened = open_engine(url)
        yield opened
        opened.dispose()
