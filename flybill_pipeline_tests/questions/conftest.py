"""A toolbox on a fresh database with one shard, and a home of its own; the clock stands still. Stripe is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.settings import load_settings
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.stores.billing_world import BillingWorld
from flybill_pipeline_tests.stories.troubled_months import EUR, USD
from flybill_pipeline_tests.worlds.databases import with_one_shard
from flybill_pipeline_tests.worlds.deployment import SOURCES

NOW = datetime(2025, 11, 2, 12, tzinfo=UTC)


def made_home(folder: Path) -> Path:
    """The folder with price books in two currencies, and a source of usage."""
    (folder / "prices").mkdir()
    (folder / "prices" / "usd.toml").write_text(USD)
    (folder / "prices" / "eur.toml").write_text(EUR)
    (folder / "sources.toml").write_text(SOURCES)
    return folder


@contextmanager
def toolbox_at(engine: Engine, home: Path) -> Iterator[Toolbox]:
    """A toolbox on the database and the home, at NOW."""
    settings = load_settings(
        {
            "FLYBILL_HOME": str(home),
            "FLYBILL_DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "FLYBILL_PRICES": str(home / "prices"),
            "FLYBILL_SOURCES": str(home / "sources.toml"),
            "FLYBILL_SHARDS": "1",
            "STRIPE_API_BASE": "http://127.0.0.1:9",
            "STRIPE_API_KEY": "sk_test_x",
        }
    )
    with_one_shard(engine)
    made = replace(build_toolbox(settings), now=lambda: NOW)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made_home(tmp_path)


@pytest.fixture
def tools(engine: Engine, home: Path) -> Iterator[Toolbox]:
    with toolbox_at(engine, home) as made:
        yield made


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    """The same database, in which months can be drafted and finalized."""
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    return made
