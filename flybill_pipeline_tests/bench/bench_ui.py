"""Measures the pages of Dagster's UI with years of history: the bar is two seconds a page, with a year of it.

    python -m flybill_pipeline_tests.bench.bench_ui --months 13 --rounds 22

That is a year in which files come and the open month is priced nearly every hour, with old runs forgotten every night
as `keep_history_small` does; `--all` keeps them. Beside the clock stands what the webserver worked.
`ui_pages.json` has the operations that a browser was seen to send for each page. They are sent again, through flybill's
guard and as many at a time as a browser does; a page takes as long as all of its operations. What the browser itself
needs to draw is not in it.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.jobs import PRICE_MONTH
from flybill_pipeline.defs.old_runs import KEPT
from flybill_pipeline.defs.partitions import month_shard_key
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.operating.runs import Runner, runner
from flybill_pipeline.settings import load_settings
from flybill_pipeline_tests.bench.long_history import Copy, copies, leave_room, sensors_seen, write_history
from flybill_pipeline_tests.serving.served import Served
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.waiting import wait_until

NOW = datetime.now(UTC)
MONTH = Month.of(NOW).previous()
PAGES = json.loads(Path(__file__).with_name("ui_pages.json").read_text())
AT_A_TIME = 6
"""Connections of a browser to one server."""
ORGS_A_SHARD = 8
"""The first of them is held: each shard has a red check, with its table."""
STATES = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  sensors { name sensorState { id } } schedules { name scheduleState { id } } } } } }"""
Operation = tuple[str, dict[str, Any]]


def measure(months: int, rounds: int, shards: int, times: int, kept: timedelta | None) -> None:
    """Closes one month, copies it into the past, and prints what each page takes: at first, and the median after."""
    home = Path(f"/tmp/flybill-bench-{uuid4().hex[:8]}")
    with (
        TemporaryDirectory() as folder,
        serving(home, keep=False) as url,
        EmulatorProcess() as emulator,
        Deployments(url, lambda: Path(folder))(emulator, shards=shards) as flybill,
    ):
        flybill.environment["FLYBILL_AUTOMATION"] = "1"
        _bill_a_month(flybill, shards, months)
        served = Served(flybill)
        try:
            served.start()
            history = flybill.environment["FLYBILL_DAGSTER_DATABASE_URL"]
            wait_until(lambda: sensors_seen(history) >= 3, "the first ticks", 120)
            tell(served, copies(months, rounds, NOW, kept), times)
            served.stop()
        finally:
            served.kill_all()


def tell(served: Served, history: Iterable[Copy], times: int) -> None:
    """Writes the history of a deployment that is served, and prints what each page takes then."""
    started = time.monotonic()
    rows = write_history(served.flybill.environment["FLYBILL_DAGSTER_DATABASE_URL"], history)
    told = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    _tell(f"history: {told} (written in {time.monotonic() - started:.0f} s)")
    _tell_pages(served, times)


def _bill_a_month(flybill: Flybill, shards: int, months: int) -> None:
    """Every job once, for real; and a shard that failed and was brought back. Partitions begin so many months ago."""
    orgs = [f"org{number}" for number in range(shards * ORGS_A_SHARD)]
    flybill.prices("usd.toml", USD)
    flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in orgs])
    day = f"{MONTH}-05T00:00:00Z"
    flybill.land("usage.jsonl", [event(org, org, 100, day) for org in orgs])
    first = MONTH
    for _ in range(1, months):
        first = first.previous()
    flybill.land("first.jsonl", [event("first", orgs[0], 1, f"{first}-05T00:00:00Z")])
    flybill.land("held.jsonl", [event(f"{org}!", org, 1, day, "nobody's") for org in orgs[::ORGS_A_SHARD]])
    with patch.dict(os.environ, flybill.environment), runner(load_settings(flybill.environment)) as run:
        leave_room(flybill.environment["FLYBILL_DAGSTER_DATABASE_URL"])
        run.ingest(_silent)
        run.close(MONTH, (), _silent)
        _fail_once(flybill, run, orgs[0])
        run.reconcile(MONTH, _silent)
        run.read_payments()
        for shard in range(shards):
            run._run(PRICE_MONTH, month_shard_key(MONTH, shard))  # the schedule's: no command prices without closing


def _fail_once(flybill: Flybill, run: Runner, org: str) -> None:
    flybill.prices("usd.toml", "This is no price book.")
    run.close(MONTH, [org], _silent)
    flybill.prices("usd.toml", USD)
    run.close(MONTH, [org], _silent)
    assert len(run.failed) == 1


def _silent(_stage: str, _done: int, _of: int) -> None:
    """Progress that nobody watches."""


def _tell_pages(served: Served, times: int) -> None:
    states = _states(served)
    for page, operations in PAGES["pages"].items():
        wanted = [(name, _filled(name, variables, states)) for name, variables in operations]
        before = _worked(served)
        first, *more = (_seconds(served, wanted) for _ in range(1 + times))
        worked = (_worked(served) - before) / (1 + times)
        others = more or [first]
        median = statistics.median(run["page"] for run in others)
        slowest = max((statistics.median(run[name] for run in others), name) for name in others[0] if name != "page")
        _tell(
            f"{page:34} {median:5.2f} s (the bar: 2), at first {first['page']:.2f}, webserver's CPU {worked:.2f}; "
            f"{len(wanted)} operations, the slowest {slowest[1]} {slowest[0]:.2f}; load {os.getloadavg()[0]:.1f}"
        )


def _worked(served: Served) -> float:
    """Seconds of CPU that the webserver has worked so far."""
    ticks = 0
    for pid in served.group("serving.webserver"):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _seconds(served: Served, wanted: list[Operation]) -> dict[str, float]:
    """How long each operation took, the slowest of its name, and the whole page."""
    took: dict[str, float] = {}
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as browser:
        for name, seconds in browser.map(lambda operation: _send(served, operation), wanted):
            took[name] = max(seconds, took.get(name, 0.0))
    return took | {"page": time.perf_counter() - started}


def _send(served: Served, operation: Operation) -> tuple[str, float]:
    name, variables = operation
    started = time.perf_counter()
    answer = served.post(PAGES["documents"][name], variables, name)
    assert "errors" not in answer, (name, answer["errors"])
    return name, time.perf_counter() - started


def _states(served: Served) -> dict[str, str]:
    """Sensor or schedule → the id of its switch, which is another in every deployment."""
    (repository,) = served.post(STATES)["data"]["repositoriesOrError"]["nodes"]
    sensors = {each["name"]: each["sensorState"]["id"] for each in repository["sensors"]}
    return sensors | {each["name"]: each["scheduleState"]["id"] for each in repository["schedules"]}


def _filled(name: str, variables: dict[str, Any], states: dict[str, str]) -> dict[str, Any]:
    """The variables with what was put down as `MONTH`, `now-3600` and `ID` filled in."""
    found: dict[str, Any] = dict(_values(variables))
    if name in ("SensorStateQuery", "ScheduleStateQuery"):
        found["id"] = states[found["selector"]["name"]]
    return found


def _values(variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in variables.items():
        match value:
            case dict():
                yield key, dict(_values(value))
            case str() if value.startswith("now"):
                yield key, NOW.timestamp() + int(value.removeprefix("now"))
            case str():
                yield (
                    key,
                    value.replace("MONTH|03", str(month_shard_key(MONTH, 0))).replace("MONTH", str(MONTH)),
                )
            case _:
                yield key, value


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=13)
    parser.add_argument("--rounds", type=int, default=22, help="How often a day files arrive and the month is priced.")
    parser.add_argument("--all", action="store_true", help="Nothing is forgotten.")
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--times", type=int, default=5)
    chosen = parser.parse_args()
    measure(chosen.months, chosen.rounds, chosen.shards, chosen.times, None if chosen.all else KEPT)


if __name__ == "__main__":
    main()
