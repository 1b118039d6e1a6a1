"""Closes a month after a year of billing, and says which ten statements took longest, and how large the tables are.

    python -m flybill_pipeline_tests.bench.bench_statements --orgs 50000 --months 12 --lines 3

A statement's time is that until Postgres has answered; what it read is asked of it once more, for those that only read.
Rows that are copied in are bench_billing's to measure.
"""

import argparse
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event, text

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline_tests.bench.bench_pages import BLOCK_KB, explained
from flybill_pipeline_tests.bench.billed_home import BilledHome, billed_home
from flybill_pipeline_tests.bench.figures import Figure, Measure, hand_over, peak_mb, say
from flybill_pipeline_tests.bench.year_of_billing import Size

SHOWN = 10
AFTER = timedelta(days=3)
_MANY = re.compile(r"%\(\w+\)s(, %\(\w+\)s)+")
SIZES = """
select relname, pg_total_relation_size(relid) as bytes, n_live_tup as rows, n_dead_tup as dead
from pg_stat_user_tables where schemaname = 'flybill' order by bytes desc limit 8
"""


@dataclass
class Statement:
    """How often a statement was sent and how long it took in all, and as it was sent last, with its values."""

    times: int = 0
    seconds: float = 0
    sent: str = ""
    values: Any = None


def measure(size: Size) -> None:
    """Bills a year, closes the running month as if it were over, and prints what that took."""
    with billed_home(size) as home:
        with timed(home.tools.engine) as statements:
            lines = close(home)
        say(f"the {SHOWN} statements that took longest, of {len(statements)}:")
        slowest = sorted(statements.items(), key=lambda each: each[1].seconds, reverse=True)[:SHOWN]
        for query, statement in slowest:
            how = plan(home.tools.engine, statement)
            say(f"  {statement.seconds:6.2f} s, {statement.times:5} times{how}: {query[:160]}")
        say(f"the largest tables after {size.months + 1} months and {lines:,} lines more:")
        with home.tools.engine.connect() as connection:
            for table in connection.execute(text(SIZES)):
                say(f"  {table.bytes / 1e6:9,.1f} MB, {table.rows:12,} rows, {table.dead:,} dead: {table.relname}")


def close(home: BilledHome) -> int:
    """Prices and finalizes every shard; the number of lines."""
    tools, month = home.tools, Month.of(home.tools.now())
    began, cpu, there, lines = time.perf_counter(), time.process_time(), home.server.cpu(), 0
    for shard in range(tools.shards):
        part = ShardMonth(month, shard, month.end + AFTER, landed_by=month.end + AFTER)
        lines += price(tools, part).lines
        finalize(tools, part)
    seconds, cpu, there = time.perf_counter() - began, time.process_time() - cpu, home.server.cpu() - there
    measures = (
        Measure(1e6 * cpu / lines, "µs of CPU a line"),
        Measure(1e6 * there / lines, "µs a line of Postgres"),
    )
    hand_over(Figure("close after a year", lines, "lines", seconds, cpu + there, peak_mb(), measures))
    told = " and ".join(f"{each.value:.1f} {each.what}" for each in measures)
    say(f"{lines:,} lines closed by one process in {seconds:.1f} s: {told}")
    return lines


@contextmanager
def timed(engine: Engine) -> Iterator[dict[str, Statement]]:
    """What is sent while the block runs; statements that differ only in how many values they name are one."""
    found: dict[str, Statement] = {}
    began = 0.0

    def before(*_: Any) -> None:
        nonlocal began
        began = time.perf_counter()

    def after(_connection: Any, _cursor: Any, sent: str, values: Any, *_: Any) -> None:
        took = time.perf_counter() - began
        statement = found.setdefault(_MANY.sub("…", " ".join(sent.split())), Statement())
        statement.times, statement.seconds = statement.times + 1, statement.seconds + took
        statement.sent, statement.values = sent, values

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def plan(engine: Engine, statement: Statement) -> str:
    """What the statement read, as it is answered now; nothing of one that writes."""
    if not statement.sent.lstrip().lower().startswith("select"):
        return ""
    answered = explained(engine, statement.sent, statement.values)
    return f", {answered.blocks * BLOCK_KB:,} kB by {answered.how}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orgs", type=int, default=5_000)
    parser.add_argument("--months", type=int, default=12, help="that are closed")
    parser.add_argument("--lines", type=int, default=3, help="of a month of the smallest organizations")
    chosen = parser.parse_args()
    measure(Size(chosen.orgs, chosen.months, chosen.lines, files=10, days=2))


if __name__ == "__main__":
    main()
