"""The usage that does not count: numbers for `status`, all of it for `quarantine`, of one source or of all."""

import gzip
import json
from pathlib import Path

import pytest

from flybill_pipeline.questions.rejected_usage import EVER, UnknownSourceError, rejected_since, rejected_usage
from flybill_pipeline.steps.usage.record_usage import take_in
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.questions.conftest import NOW
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
    rejected = rejected_since(tools, NOW)
    assert (len(rejected.files), rejected.bad_rows, list(rejected.rows)) == (1, 3, [])
    later = rejected_since(tools, NOW.replace(year=2026))
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


def test_ever_is_before_everything(tools: Toolbox) -> None:
    assert rejected_since(tools, EVER).bad_rows == 3
