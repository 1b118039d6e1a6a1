"""A home in which a year was billed already: its folder, database and tools. What the year holds: year_of_billing.

The clock of the home and of its commands stands at a month's end, whatever day it is: a running month has a month of
usage then.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.postgres.database import migrate
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.bench import standing_clock
from flybill_pipeline_tests.bench.bench_billing import Server
from flybill_pipeline_tests.bench.figures import say
from flybill_pipeline_tests.bench.year_of_billing import PRICES, SOURCES, Size, bill_a_year

BEFORE_ITS_END = timedelta(hours=2)
MADE = "made.json"
"""Names what a home holds, once it is made."""


@dataclass(frozen=True, slots=True)
class BilledHome:
    """The tools, the variables of the commands, and the server of the database."""

    tools: Toolbox
    environment: dict[str, str]
    server: Server


@contextmanager
def billed_home(size: Size, kept: Path | None = None, **more: str) -> Iterator[BilledHome]:
    """The home after a year of that size; `more` variables are set in it.

    A `kept` folder stays, and is taken as it is where it holds a home of that size already.
    """
    with _folder(kept) as home, serving(home / "pg") as url:
        (home / "usd.toml").write_text(PRICES)
        (home / "sources.toml").write_text(SOURCES)
        now = _made(home, size) or Month.of(datetime.now(UTC)).end - BEFORE_ITS_END
        environment = {
            "FLYBILL_HOME": str(home),
            "FLYBILL_DATABASE_URL": url.format("flybill"),
            "FLYBILL_PRICES": str(home / "usd.toml"),
            "FLYBILL_SOURCES": str(home / "sources.toml"),
            "STRIPE_API_KEY": "sk_test_bench",
            standing_clock.VARIABLE: now.isoformat(),
            **more,
        }
        tools = replace(build_toolbox(load_settings(environment)), now=lambda: now)
        migrate(tools.engine, shards=tools.settings.shards)
        if _made(home, size) is None:
            _make(home, tools, size)
        yield BilledHome(tools, environment, Server(home / "pg"))
        tools.close()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with TemporaryDirectory(prefix="fb") as name:
            yield Path(name)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()


def _made(home: Path, size: Size) -> datetime | None:
    """The moment at which the home's clock stands; None while it is not made. Raises ValueError for another size."""
    if not (home / MADE).exists():
        return None
    made = json.loads((home / MADE).read_text())
    if made["size"] != asdict(size):
        raise ValueError(f"{home} holds a home of another size: {made['size']}")
    return datetime.fromisoformat(made["now"])


def _make(home: Path, tools: Toolbox, size: Size) -> None:
    began = time.monotonic()
    bill_a_year(tools, size)
    (home / MADE).write_text(json.dumps({"size": asdict(size), "now": tools.now().isoformat()}))
    say(
        f"{size.orgs:,} orgs, {size.months} closed months of {size.lines} lines, {size.files:,} old files "
        f"(made in {time.monotonic() - began:.0f} s)"
    )
