"""The records of decisions have one form, and the index names each of them."""

import re
from pathlib import Path

import pytest

from flybill_pipeline_tests.docs.pages import DOCS, RECORDS, named, text_of

INDEX = "docs/decisions/README.md"
PARTS = ["## Context", "## Decision", "## Price"]


def title(record: Path) -> str:
    return record.read_text().splitlines()[0].removeprefix("# ")


def test_the_index_names_every_record_by_its_title_in_order() -> None:
    listed = re.findall(r"^- .*$", text_of(INDEX), re.MULTILINE)
    assert listed == [f"- [{title(record)}]({record.name})" for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_record_has_its_number_and_says_context_decision_and_price(record: Path) -> None:
    text = record.read_text()
    assert re.match(rf"# {record.name[:4]}\. \S", text)
    assert re.findall(r"^#+ .*$", text, re.MULTILINE)[1:] == PARTS
    assert all(part.strip() for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]), "a part says nothing"


def test_records_are_numbered_without_gaps() -> None:
    assert [record.name[:4] for record in RECORDS] == [f"{number:04d}" for number in range(1, len(RECORDS) + 1)]
    assert len(RECORDS) == len(list((DOCS / "decisions").glob("*.md"))) - 1
