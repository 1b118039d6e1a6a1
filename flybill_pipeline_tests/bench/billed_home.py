"""A home in which a year was billed already: its folder, database and tools. What the year holds: year_of_billing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flybill_pipeline.local.postgres import serving
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.postgres.database import migrate
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.bench.bench_billing import Server
from flybill_pipeline_tests.bench.figures import say
from flybill_pipeline_tests.bench.year_of_billing import PRICES, SOURCES, Size, bill_a_year


@dataclass(frozen=True, slots=True)
class BilledHome:
    """The tools, the variables of the commands, and the server of the database."""

    tools: Toolbox
    environment: dict[str, str]
    server: Server


@contextmanager
def billed_home(size: Size, **more: str) -> Iterator[BilledHome]:
    """The home after a year of that size; `more` variables are set in it."""
    with TemporaryDirectory(prefix="fb") as name, serving(Path(name) / "pg") as url:
        home = Path(name)
        (home / "usd.toml").write_text(PRICES)
        (home / "sources.toml").write_text(SOURCES)
        environment = {
            "FLYBILL_HOME": str(home),
            "FLYBILL_DATABASE_URL": url.format("flybill"),
            "FLYBILL_PRICES": str(home / "usd.toml"),
            "FLYBILL_SOURCES": str(home / "sources.toml"),
            "STRIPE_API_KEY": "sk_test_bench",
            **more,
        }
        tools = build_toolbox(load_settings(environment))
        began = time.monotonic()
        migrate(tools.engine, shards=tools.settings.shards)
        bill_a_year(tools, size)
        say(
            f"{size.orgs:,} orgs, {size.months} closed months of {size.lines} lines, {size.files:,} old files "
            f"(made in {time.monotonic() - began:.0f} s)"
        )
        yield BilledHome(tools, environment, Server(home / "pg"))
        tools.close()
