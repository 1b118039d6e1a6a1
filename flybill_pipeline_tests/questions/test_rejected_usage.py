"""The usage that does not count: numbers for `status`, all of it for `quarantine`, of one source or of all."""

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.questions.rejected_usage import UnknownSourceError, rejected_in, rejected_usage
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.read_landing import read_landing
from flybill_pipeline.steps.usage.record_usage import record_day, take_in
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.questions.conftest import NOW
from flybill_pipeline_tests.stores.billing_world import MONTH
from flybill_pipeline_tests.worlds.deployment import event


@pytest.fixture
def tools(tools: Toolbox, home: Path) -> Toolbox:
    """One file of each source: three bad rows in the first, nothing that can be read in the second."""
    for number, name in enumerate(("old", "new")):
        rows = [event(f"{name}{n}", "acme", "much", "2025-10-05T00:00:00Z") for n in range(1 + number)]
        rows += [event(f"{name} good", "acme", 5, "2025-10-05T00:00:00Z")]
        _write(home / "landing" / "usage" / f"{name}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
        take_in(tools.landing, tools.lake, tools.catalog, NOW)
    _write(home / "landing" / "machines" / "cut.csv.gz", gzip.compress(b"id,org,seconds,at\n" * 1000)[:-20])
    take_in(tools.landing, tools.lake, tools.catalog, NOW)
    return tools


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_the_numbers_are_those_of_what_arrived_since(tools: Toolbox) -> None:
    rejected = rejected_in(tools, MONTH)
    assert (len(rejected.files), rejected.bad_rows, list(rejected.rows)) == (1, 3, [])
    later = rejected_in(tools, Month.parse("2026-10"))
    assert (len(later.files), later.bad_rows) == (1, 0)


def test_all_of_it_newest_first_up_to_a_limit(tools: Toolbox) -> None:
    rejected = rejected_usage(tools, None, 2)
    assert [row.file for row in rejected.rows] == ["usage/new.jsonl", "usage/new.jsonl"]
    (broken,) = rejected.files
    assert (broken.source, broken.file, rejected.bad_rows) == ("machines", "machines/cut.csv.gz", 3)
    assert broken.what_happened and broken.what_to_do


@pytest.mark.parametrize(("source", "files", "rows"), [("usage", 0, 3), ("machines", 1, 0)])
def test_of_one_source(tools: Toolbox, source: str, files: int, rows: int) -> None:
    rejected = rejected_usage(tools, source, 10)
    assert (len(rejected.files), rejected.bad_rows, len(rejected.rows)) == (files, rows, rows)


def test_a_source_that_is_not_there_is_told_with_those_that_are(tools: Toolbox) -> None:
    with pytest.raises(UnknownSourceError, match=r"'edge'; sources\.toml has usage, machines"):
        rejected_usage(tools, "edge", 10)


def ingest(tools: Toolbox) -> None:
    read_landing(tools.landing, tools.lake, tools.catalog, NOW)
    for day in tools.catalog.days_to_record():
        record_day(day, tools.lake, tools.catalog)
        compile_day(day, tools.lake, tools.catalog)


def test_ids_with_two_contents_are_counted_and_shown_beside_each_other(tools: Toolbox, home: Path) -> None:
    """Of one day and over days; a repetition is none of them."""
    rows = [
        event("a", "acme", 12, "2025-10-05T00:00:00Z"),
        event("a", "acme", 30, "2025-10-05T00:00:00Z"),
        event("a", "acme", 12, "2025-10-05T00:00:00Z"),
        event("old good", "bolt", 5, "2025-10-07T00:00:00Z"),
    ]
    _write(home / "landing" / "usage" / "two.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    _write(home / "landing" / "usage" / "wait.jsonl", b"")
    assert rejected_in(tools, MONTH).unread == 2
    assert rejected_in(tools, MONTH).unrecorded == (date(2025, 10, 5),)
    assert rejected_in(tools, MONTH.previous()).unrecorded == ()
    ingest(tools)
    numbers = rejected_in(tools, MONTH)
    assert numbers.unrecorded == tools.unrecorded_lately(MONTH)() == ()
    assert (numbers.unread, numbers.repeats, numbers.conflicts) == (0, 1, 2)
    assert rejected_in(tools, MONTH.next()).conflicts == 0
    shown = rejected_usage(tools, "usage", 10)
    assert (shown.repeats, shown.conflicts) == (1, 2)
    assert rejected_usage(tools, None, 1).conflicting == shown.conflicting[:1]
    later, same_day = shown.conflicting
    assert (same_day.event_id, int(same_day.counts.quantity), int(same_day.left_out.quantity)) == ("a", 12, 30)
    assert (same_day.counts.file, same_day.counts.row, same_day.left_out.row) == ("usage/two.jsonl", 1, 2)
    assert (later.event_id, later.counts.file, later.counts.row) == ("old good", "usage/old.jsonl", 2)
    assert (later.left_out.org_id, later.left_out.row, str(later.left_out.occurred_at.date())) == (
        "bolt",
        4,
        "2025-10-07",
    )
    assert rejected_usage(tools, "machines", 10).conflicts == 0


def test_rows_whose_sum_is_too_large_are_named(tools: Toolbox, home: Path) -> None:
    rows = [event(f"e{n}", "acme", 9 * 10**14, "2025-10-05T00:00:00Z") for n in range(1200)]
    _write(home / "landing" / "usage" / "huge.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    ingest(tools)
    shown = rejected_usage(tools, "usage", 5000)
    huge = [row for row in shown.rows if row.reason == "sum_too_large"]
    assert (len(shown.rows), shown.bad_rows) == (1203 + 2, 1203 + 2)
    assert huge[0].message == "acme has more seconds on 2025-10-05 than can be billed"
