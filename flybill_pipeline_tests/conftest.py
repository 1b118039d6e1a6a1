"""Fixtures that many folders share: an embedded Postgres for the session, a fresh migrated database for a test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.stores.database import migrate, open_engine

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
    name = f"t{uuid4().hex[:12]}"
    admin = create_engine(postgres_url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield postgres_url.format(name)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated billing database."""
    opened = open_engine(database_url)
    migrate(opened)
    yield opened
    opened.dispose()
