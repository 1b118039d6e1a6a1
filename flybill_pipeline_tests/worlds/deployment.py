"""One deployment of flybill for a test: its own home, prices, sources and databases, and commands run against them.

Belongs here: running `flybill` as a process or inside this one, and looking into its databases. Not here: assertions.
"""

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import dagster as dg
from sqlalchemy import create_engine, text

from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.operating.runs import dagster_home
from flybill_pipeline.settings import load_settings
from flybill_pipeline_tests.worlds.copied import Copied, copied
from flybill_pipeline_tests.worlds.databases import EMPTY, fresh_databases, migrated, with_dagsters_tables
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.impatient import SILENT, no_waiting
from flybill_pipeline_tests.worlds.project import PROJECT

MODULE = "flybill_pipeline.cli.commands"
SOURCES = """
[[sources]]
name = "usage"
format = "jsonl"
files = "usage/**/*.jsonl*"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at" }
dimensions = { region = "region" }

[[sources]]
name = "machines"
format = "csv"
files = "machines/**/*.csv*"
allow_negative = false
[sources.columns]
event_id = "id"
org_id = "org"
meter = { constant = "seconds" }
quantity = "seconds"
occurred_at = "at"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, which must be JSON."""
        return json.loads(self.out)


class Flybill:
    """Commands of one deployment. `environment` holds every variable that flybill reads, so that nothing leaks in."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.environment = dict(environment)

    def __call__(self, *arguments: str, **variables: str) -> Ran:
        """Runs a command inside this process, through the same entry point as the real one.

        It does not wait for a Stripe of which nobody is there.
        """
        from flybill_pipeline.cli import commands as cli

        out, err = io.StringIO(), io.StringIO()
        here = patch.object(cli, "spare_the_collector")  # this process runs many commands
        with patch.dict(os.environ), patch.object(sys, "argv", ["flybill", *arguments]), here:
            os.environ.clear()
            os.environ.update(self._environment(variables))
            silent = os.environ.get("STRIPE_API_BASE") == SILENT
            patience = no_waiting() if silent else contextlib.nullcontext()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patience:
                try:
                    cli.main()
                    status: Any = 0
                except SystemExit as ended:
                    status = ended.code or 0
        return Ran(int(status), out.getvalue(), err.getvalue())

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Starts a command as a process in a group of its own; whoever starts it waits for it."""
        return self._start([MODULE, *arguments], self._environment(variables), subprocess.PIPE)

    def copy(self, *arguments: str, **variables: str) -> Copied:
        """Starts a command in a copy of a process that has imported everything, in a group of its own."""
        return copied(self.home / f"said-{uuid4().hex[:6]}", arguments, self._environment(variables))

    def serve(self, log: Path, *arguments: str, module: str = MODULE) -> "subprocess.Popen[str]":
        """Starts a command that stays and says a lot, to `log`; another module may stand for the command line's."""
        with log.open("a") as opened:
            return self._start([module, *arguments], self._environment({}), opened)

    def _start(self, command: Sequence[str], environment: Mapping[str, str], out: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            stdout=out,
            stderr=out,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **variables: str) -> Ran:
        """Runs a command as a process."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        return Ran(process.returncode, out, err)

    def prices(self, name: str, book: str) -> None:
        """Writes a price book."""
        (self.home / "prices").mkdir(exist_ok=True)
        (self.home / "prices" / name).write_text(book)

    def import_orgs(self, orgs: Sequence[Mapping[str, str]]) -> Ran:
        """Imports organizations; the keys of the first one are the header."""
        file = self.home / f"orgs-{uuid4().hex[:6]}.csv"
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(orgs[0]))
            writer.writeheader()
            writer.writerows(orgs)
        return self("import-orgs", str(file), "--json")

    def land(self, name: str, content: str | Iterable[Mapping[str, Any]], source: str = "usage") -> Ran:
        """Lands a file with this content: text as it is, records as JSON lines."""
        (self.home / "made").mkdir(exist_ok=True)
        file = self.home / "made" / name
        file.write_text(content if isinstance(content, str) else "".join(json.dumps(r) + "\n" for r in content))
        return self("land", str(file), "--source", source, "--json")

    def sql(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of the billing database."""
        engine = create_engine(self.environment["FLYBILL_DATABASE_URL"])
        try:
            with engine.begin() as connection:
                result = connection.execute(text(query), values)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    @contextmanager
    def dagster(self) -> Iterator[dg.DagsterInstance]:
        """The deployment's Dagster instance; its variables are those of this process for as long."""
        with patch.dict(os.environ, self._environment({})), self.instance() as instance:
            yield instance

    def instance(self) -> dg.DagsterInstance:
        """The same without its variables: what is started while it is open is no process of the deployment's."""
        with patch.dict(os.environ, self._environment({})):
            return dg.DagsterInstance.from_config(str(dagster_home(load_settings())))

    def checks(self) -> dict[tuple[str, str], dict[str, bool]]:
        """Asset and check → partition → whether its last evaluation passed."""
        found: dict[tuple[str, str], dict[str, bool]] = {}
        with self.dagster() as instance:
            for check in CHECKS:
                records = instance.event_log_storage.get_asset_check_execution_history(check.key, limit=1000)
                found[check.asset, check.name] = {
                    str(record.partition): record.status.value == "SUCCEEDED" for record in reversed(records)
                }
        return found

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLYBILL_", "STRIPE_", "DAGSTER_"))}
        return {**kept, "PYTHONPATH": str(PROJECT), **self.environment, **variables}


def event(number: object, org: str, quantity: object, at: str, meter: str = "seconds", **more: Any) -> dict[str, Any]:
    """One usage event as the source `usage` reads it."""
    return {"id": str(number), "org": org, "meter": meter, "quantity": quantity, "at": at, **more}


class Deployments:
    """Makes deployments, on the server that the tests share. Whatever asks for one is told apart as slow."""

    def __init__(self, postgres_url: str, new_folder: Callable[[], Path]) -> None:
        self._postgres_url = postgres_url
        self._new_folder = new_folder

    @contextmanager
    def __call__(
        self, emulator: EmulatorProcess | None = None, *, shards: int = 2, blank: bool = False
    ) -> Iterator[Flybill]:
        """A deployment of its own. Without an emulator its Stripe is an address where nobody listens.

        Its databases have their tables already, as a first command leaves them, unless it is to be `blank`.
        """
        root, url = self._new_folder(), self._postgres_url
        (root / "prices").mkdir()
        (root / "sources.toml").write_text(SOURCES)
        with (
            fresh_databases(url, "billing", template=EMPTY if blank else migrated(url, shards)) as (billing,),
            fresh_databases(url, "dagster", template=EMPTY if blank else with_dagsters_tables(url)) as (dagster,),
        ):
            yield Flybill(
                root,
                {
                    "FLYBILL_HOME": str(root / "home"),
                    "FLYBILL_DATABASE_URL": billing,
                    "FLYBILL_DAGSTER_DATABASE_URL": dagster,
                    "FLYBILL_PRICES": str(root / "prices"),
                    "FLYBILL_SOURCES": str(root / "sources.toml"),
                    "FLYBILL_SHARDS": str(shards),
                    "FLYBILL_STRIPE_RATE": "1000",
                    "FLYBILL_LAKE_CATALOG": "off",
                    "STRIPE_API_BASE": emulator.url if emulator else SILENT,
                    "STRIPE_API_KEY": "sk_test_x",
                    "DAGSTER_DISABLE_TELEMETRY": "1",
                },
            )
