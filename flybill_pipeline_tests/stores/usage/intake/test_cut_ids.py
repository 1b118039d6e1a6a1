"""Ids that a double or a spreadsheet has cut, so that several of them are one: they are refused in words."""

import duckdb
import pytest

from flybill_pipeline.billing.usage.files import Broken
from flybill_pipeline_tests.stores.usage.intake.mapped import refused, source_of
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

MAPPING = """format = "parquet"
columns = { event_id = "id", org_id = "org", meter = { constant = "m" }, quantity = "q", occurred_at = "at" }
"""
COLLAPSED = {
    "what DuckDB makes of a HUGEINT": ("id", "(9007199254740992 + n)::hugeint"),
    "what pandas makes of large whole numbers beside a gap": ("id", "(1234567890123456000 + n)::double"),
    "of floats": ("id", "(16777216 + n)::float"),
    "an organization's": ("org", "(-1234567890123456000 - n)::double"),
}
TOLD_APART = {
    "whole numbers below": ("id", "(9007199254740990 + n)::double"),
    "no number": ("id", "if(n = 0, 1, 'nan'::double)"),
    "whole numbers of 64 bits": ("id", "18446744073709551614 + n::ubigint"),
}

CSV = """format = "csv"
columns = { event_id = "id", org_id = "org", meter = { constant = "m" }, quantity = "q", occurred_at = "at" }
"""


def written(reader: Reader, name: str, sql: str) -> None:
    columns = {"id": "n", "org": "'acme'", name: sql}
    said = ", ".join(f"{value} as {column}" for column, value in columns.items())
    query = f"select {said}, 1 as q, date '2026-10-05' as at from range(2) t(n)"
    duckdb.execute(f"copy ({query}) to '{reader.root / 'given.parquet'}' (format parquet)")


@pytest.mark.parametrize(("name", "sql"), COLLAPSED.values(), ids=COLLAPSED)
def test_ids_that_a_double_has_made_one_are_refused(name: str, sql: str, reader: Reader) -> None:
    written(reader, name, sql)
    outcome = reader.read(reader.root / "given.parquet", source_of(MAPPING, reader.root)).outcome
    assert isinstance(outcome, Broken)
    assert f"column '{name}' holds ids as " in outcome.reason


@pytest.mark.parametrize(("name", "sql"), TOLD_APART.values(), ids=TOLD_APART)
def test_ids_that_differ_are_events_of_their_own(name: str, sql: str, reader: Reader) -> None:
    written(reader, name, sql)
    read = reader.read(reader.root / "given.parquet", source_of(MAPPING, reader.root))
    assert len({event["event_id"] for event in read.events}) == 2


def test_an_id_that_a_spreadsheet_has_cut_is_refused_and_what_looks_like_one_is_not(reader: Reader) -> None:
    cut = ["1.23457E+15", "1E+11", "-1.5e+17"]
    whole = ["1E11", "5e12", "a1E+11", "1E+11b", "1+1", "12E+11", "1.E+11", "1e+05"]
    rows = "".join(f"{each},acme,1,2026-10-05\n" for each in (*cut, *whole))
    read = reader.text(f"id,org,q,at\n{rows}", source_of(CSV, reader.root))
    assert refused(read) == {2: "event_id_cut", 3: "event_id_cut", 4: "event_id_cut"}
    assert [event["event_id"] for event in read.events] == whole


PARTS = CSV.replace('"id"', '["id", "org"]')
LINES = PARTS.replace('"csv"', '"jsonl"')


@pytest.mark.parametrize("mapping", [PARTS, LINES], ids=["csv", "jsonl"])
def test_an_id_of_several_parts_is_refused_where_one_of_them_is_cut(mapping: str, reader: Reader) -> None:
    """Accounts of 12 digits that Excel saved: 111122223333 and 111122224444 are both 1.11122E+11."""
    ids = ["1.11122E+11", "1e+12", "1e+05", "E+11", "1.1E+11/a", "a1.1E+11"]
    rows = "".join(f"{each},acme,1,2026-10-05\n" for each in ids)
    documents = "".join(f'{{"id":"{each}","org":"acme","q":1,"at":"2026-10-05"}}\n' for each in ids)
    csv = mapping == PARTS
    read = reader.text(f"id,org,q,at\n{rows}" if csv else documents, source_of(mapping, reader.root))
    first = 2 if csv else 1
    assert refused(read) == {first: "event_id_cut", first + 1: "event_id_cut"}
    assert len({event["event_id"] for event in read.events}) == len(ids) - 2
