"""A key that stands twice where the mapping reads it: the row is set aside. Other doubled keys, and values, are not."""

import json

import pytest

from flybill_pipeline.billing.usage.files import Taken
from flybill_pipeline.stores.usage.intake.sources import Column
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source

SOURCE = plain_source("jsonl", quantity=Column("data.q"), dimensions={"region": Column("region")})
PLAIN = '"id":"%s","org":"acme","meter":"m","ts":"2026-10-05T08:00:00Z","region":"eu"'
ROWS = {
    "single": ('"data":{"q":1}', False),
    "twice below": ('"data":{"q":1,"q":2}', True),
    "twice with one value": ('"data":{"q":1,"q":1}', True),
    "twice above": ('"data":{"q":1},"data":{"q":1}', True),
    "twice with an escape": (r'"data":{"q":1,"\u0071":2}', True),
    "twice a label": ('"data":{"q":1},"region":"us"', True),
    "twice an id": ('"data":{"q":1},"id":"other"', True),
    "twice where nobody reads": ('"data":{"q":1,"note":1,"note":2},"note":1,"note":2', False),
    "once in each of two objects": ('"data":{"q":1,"more":{"q":3}},"q":5', False),
    "as a value": ('"data":{"q":1,"note":"q\\"q"},"note":"id","more":["id","org"]', False),
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("lake"))


def lines(names: list[str]) -> str:
    return "".join(f"{{{PLAIN % name},{ROWS[name][0]}}}\n" for name in names)


@pytest.mark.parametrize("first", ["single", "twice below", "twice where nobody reads"])
def test_what_stands_twice_where_it_is_read_is_set_aside_whatever_the_first_line_is(reader: Reader, first: str) -> None:
    names = sorted(ROWS, key=lambda name: name != first)
    read = reader.text(lines(names), SOURCE)
    doubled = {name for name in names if ROWS[name][1]}
    assert isinstance(read.outcome, Taken)
    assert {event["event_id"] for event in read.events} == set(names) - doubled
    assert {names[reject["row"] - 1] for reject in read.rejects} == doubled
    assert {reject["reason"] for reject in read.rejects} == {"key_twice"}


def test_lines_with_other_keys_than_the_first_and_lines_that_are_no_json_are_what_they_were(reader: Reader) -> None:
    text = lines(["single"]) + "{broken\n[1]\n" + lines(["as a value"]) + json.dumps({"id": "x"}) + "\n"
    read = reader.text(text, SOURCE)
    assert [event["event_id"] for event in read.events] == ["single", "as a value"]
    assert [reject["reason"] for reject in read.rejects] == ["not_a_record", "not_a_record", "org_missing"]


@pytest.mark.parametrize("half", [r"\ud83d", r"\ude00"])
@pytest.mark.parametrize("place", [0, 1])
def test_half_of_a_character_stops_only_its_line_also_where_that_is_the_first(
    reader: Reader, half: str, place: int
) -> None:
    """JavaScript writes it where a text was cut. Python reads it, DuckDB does not."""
    rows = [lines(["single"]), lines(["as a value"])]
    rows.insert(place, rows[0].replace("acme", f"acme{half}"))
    read = reader.text("".join(rows), SOURCE)
    assert [event["event_id"] for event in read.events] == ["single", "as a value"]
    assert [(reject["row"], reject["reason"]) for reject in read.rejects] == [(place + 1, "not_a_record")]
    assert "half of a character" in read.rejects[0]["message"]
