"""Measures the pages of who is billed and `flybill owes`; the bars: 100 ms at p95, and 1 s from a cold process.

    python -m flybill_pipeline_tests.bench.bench_pages --orgs 50000 --months 12 --lines 3 --home FOLDER

A year of billing is there (`year_of_billing`), and a month that is nearly over (`billed_home`); `flybill web` serves
it, and organizations taken at random ask for every page, one after the other. Then each query of a page is
explained: what it reads must not grow with the organizations. What the browser itself needs to draw is not in it.
"""

import argparse
import os
import random
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sqlalchemy import Engine, event

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web import views
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.looks import page_of
from flybill_pipeline_tests.bench.bench_billing import Server
from flybill_pipeline_tests.bench.billed_home import billed_home
from flybill_pipeline_tests.bench.figures import Figure, Measure, hand_over
from flybill_pipeline_tests.bench.year_of_billing import Size, org_id

SECRET = "of-the-benchmark-alone-and-long-enough"
HTML, JSON = "text/html", "application/json"
START_SECONDS = 120
SEED = 13
COMMAND = (sys.executable, "-m", "flybill_pipeline_tests.bench.standing_clock")
BLOCK_KB = 8
"""What Postgres reads at once."""
CLOCK_OF_PROCESS = 2
"""Of Linux: the bits that make a clock of a process's number."""


@dataclass(frozen=True, slots=True)
class Page:
    """A kind of page: what it is called, where it is below an organization's, and in which form it is wanted."""

    name: str
    path: str
    accept: str = HTML


def pages(running: Month, before: Month) -> Iterator[Page]:
    """Every page that there is, of the running month and of one that is closed."""
    both = (("the running month", running), ("a closed month", before))
    for form, accept in (("", HTML), (" as JSON", JSON)):
        yield Page(f"overview{form}", "", accept)
        yield Page(f"budgets{form}", "/budgets", accept)
        for name, month in both:
            yield Page(f"{name}{form}", f"/months/{month}", accept)
            yield Page(f"a line of {name}{form}", f"/months/{month}/lines/1", accept)
    for name, month in both:
        yield from (Page(f"{name} to keep, {form}", f"/months/{month}/statement.{form}") for form in FORMS)


def measure(size: Size, sample: int, runs: int, kept: Path | None) -> None:
    """Bills a year, then prints what each page and a cold `owes` take."""
    with billed_home(size, kept, FLYBILL_LINK_SECRET=SECRET) as home:
        tools, environment = home.tools, {**os.environ, **home.environment}
        chosen = random.Random(SEED).sample(range(size.orgs), min(sample, size.orgs))
        orgs = [org_id(number) for number in chosen]
        tell_pages(tools, environment, orgs, home.server)
        tell_cold(environment, orgs[:runs])
        tell_plans(tools, orgs[0])


def tell_pages(tools: Toolbox, environment: dict[str, str], orgs: Sequence[str], postgres: Server) -> None:
    """What each page takes by the clock, and of the processors of the server: one client, one page after the other."""
    links, now = Links(tools.page_links, SECRET), tools.now()
    running = Month.of(now)
    shown = list(pages(running, running.previous()))
    took: dict[Page, list[_Took]] = {page: [] for page in shown}
    with served(environment) as (pid, port):
        _ask(port, "/openapi.json", "", JSON)
        there, began = postgres.cpu(), time.perf_counter()
        for org in orgs:
            token = links.make(org, 1, now)
            for page in shown:
                cpu = cpu_ms(pid)
                seconds = _ask(port, page_of(org) + page.path, token, page.accept)
                took[page].append(_Took(seconds, cpu_ms(pid) - cpu))
        asked, seconds = len(orgs) * len(shown), time.perf_counter() - began
        for page in shown:
            _tell(f"{page.name:40} {_spread(took[page])}")
        of_all = [each for of_page in took.values() for each in of_page]
        there = 1000 * (postgres.cpu() - there) / asked
        _tell(f"{'all pages, one after the other':40} {_spread(of_all)}; of Postgres {there:.0f}; {_load()}")
        measures = (
            Measure(1000 * at([each.seconds for each in of_all], 0.95), "ms at p95, of all pages", 100),
            Measure(
                max(1000 * at([each.seconds for each in of_page], 0.95) for of_page in took.values()),
                "ms at p95, of the slowest page",
                100,
            ),
        )
        hand_over(Figure("pages", asked, "pages", seconds, cpu_ms(pid) / 1000, process_mb(pid), measures))


@dataclass(frozen=True, slots=True)
class _Took:
    """What an answer took by the clock, and of the server's processors."""

    seconds: float
    cpu_ms: float


def _spread(took: Sequence[_Took]) -> str:
    p50, p95, most = (1000 * at([each.seconds for each in took], share) for share in (0.5, 0.95, 1))
    used, most_used = fmean(each.cpu_ms for each in took), at([each.cpu_ms for each in took], 0.95)
    clock = f"p50 {p50:5.0f} ms, p95 {p95:5.0f} ms (the bar: 100), max {most:5.0f} ms"
    return f"{clock}; CPU {used:4.0f} ms, p95 {most_used:4.0f} ms"


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def tell_cold(environment: dict[str, str], orgs: Sequence[str]) -> None:
    """What `flybill owes` takes as a process of its own."""
    took, used = [], os.times()
    for org in orgs:
        began = time.perf_counter()
        subprocess.run([*COMMAND, "owes", org], env=environment, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    now = os.times()
    cpu = (now.children_user + now.children_system - used.children_user - used.children_system) / len(orgs)
    measures = (Measure(max(took), "s at most, from a cold process", 1),)
    hand_over(Figure("flybill owes", len(orgs), "times", sum(took), cpu * len(orgs), _children_mb(), measures))
    _tell(
        f"flybill owes, {len(orgs)} times: p50 {at(took, 0.5):.2f} s, max {max(took):.2f} s (the bar: 1); "
        f"CPU {cpu:.2f} s; {_load()}"
    )


def tell_plans(tools: Toolbox, org: str) -> None:
    """The queries of all pages of an organization that read the most."""
    plans = page_plans(tools, org)
    _tell(f"{len(plans)} queries of the pages; those that read the most:")
    for plan, query in plans[:5]:
        read = f"{plan.blocks * BLOCK_KB:7,} kB, {plan.rows:7,} rows, {plan.ms:6.1f} ms"
        _tell(f"  {read}: {plan.how}; {' '.join(query.split())[:150]}")


def page_plans(tools: Toolbox, org: str) -> list[tuple["Plan", str]]:
    """Each query of all pages of an organization, those that read the most rows first."""
    month = Month.of(tools.now())
    shown: list[Callable[[], object]] = [
        lambda: views.overview(tools, org),
        lambda: views.budgets(tools, org),
        *(lambda of=of: views.of_month(tools, org, of) for of in (month, month.previous())),
        *(lambda of=of: views.of_line(tools, org, of, 1) for of in (month, month.previous())),
    ]
    with queries(tools.engine) as asked:
        for show in shown:
            show()
    plans = [(explained(tools.engine, query, values), query) for query, values in asked]
    return sorted(plans, key=lambda each: (each[0].rows, each[0].blocks), reverse=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """How Postgres answered: blocks and rows read, whether wanted or not; milliseconds; how tables were read."""

    blocks: int
    rows: int
    ms: float
    how: str


def explained(engine: Engine, query: str, values: Any) -> Plan:
    """The query as Postgres really does it."""
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"explain (analyze, buffers, format json) {query}", values)
        ((found,),) = cursor.fetchall()
    (plan,) = found
    nodes = list(_nodes(plan["Plan"]))
    blocks = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    read = sorted({f"{each['Node Type']} of {each['Relation Name']}" for each in nodes if "Relation Name" in each})
    rows = sum(_rows(each) for each in nodes if "Relation Name" in each)
    return Plan(blocks, rows, plan["Execution Time"], ", ".join(read) or "nothing")


def _rows(node: dict[str, Any]) -> int:
    """What a scan of a table looked at, those rows too that it threw away; its counts are of one of its loops."""
    thrown = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return int((node["Actual Rows"] + thrown) * node["Actual Loops"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


@contextmanager
def queries(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """The queries that are sent while the block runs, with their values, each once."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().lower().startswith(("select", "with")) and (statement, values) not in asked:
            asked.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def served(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """`flybill web`, as its process and port, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "web", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, "flybill web has ended"
            assert time.monotonic() < deadline, "flybill web did not answer in time"
            time.sleep(0.1)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _ask(port: int, path: str, token: str, accept: str) -> float:
    """The seconds until the whole answer is there, which must be the page."""
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    return time.perf_counter() - began


def cpu_ms(pid: int) -> float:
    """User and system time of a process, to the microsecond; 0 where the system has no such clock."""
    with suppress(OSError):
        return 1000 * time.clock_gettime(~pid << 3 | CLOCK_OF_PROCESS)
    return 0


def process_mb(pid: int) -> float:
    """The most memory that a process had; 0 without /proc."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _children_mb() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def at(took: Sequence[float], share: float) -> float:
    """The time within which that share of the answers came."""
    return sorted(took)[max(0, -(-len(took) * int(100 * share) // 100) - 1)]


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orgs", type=int, default=50_000)
    parser.add_argument("--months", type=int, default=12, help="that are closed")
    parser.add_argument("--lines", type=int, default=3, help="of a month of the smallest organizations")
    parser.add_argument("--files", type=int, default=8_760, help="that were landed and read long ago: one an hour")
    parser.add_argument("--days", type=int, default=31, help="of each of two months that have usage in the lake")
    parser.add_argument("--sample", type=int, default=100, help="organizations that ask for every page")
    parser.add_argument("--runs", type=int, default=10, help="of `flybill owes`")
    parser.add_argument("--home", type=Path, help="made here and kept, or taken from here where it was made before")
    chosen = parser.parse_args()
    size = Size(chosen.orgs, chosen.months, chosen.lines, chosen.files, chosen.days)
    measure(size, chosen.sample, chosen.runs, chosen.home)


if __name__ == "__main__":
    main()
