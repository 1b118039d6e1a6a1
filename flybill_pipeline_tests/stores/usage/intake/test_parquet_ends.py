"""What only Parquet can hold: decimals wider than any number of DuckDB's, times at the ends of its integers, and a
footer, which says where everything is.
"""

import base64
import json
import os
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from flybill_pipeline.billing.usage.files import Broken, Taken
from flybill_pipeline.stores.usage.intake.sources import Column
from flybill_pipeline_tests.stores.usage.intake.mapped import source_of, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source

GOOD = 1_791_187_200  # seconds: 2026-10-05


def table(**columns: Any) -> pa.Table:
    rows = len(next(iter(columns.values())))
    plain: dict[str, Any] = {name: [f"{name}{row}" for row in range(rows)] for name in ("id", "org", "meter", "region")}
    plain |= {"q": ["1"] * rows, "ts": ["2026-10-05"] * rows}
    return pa.table(plain | columns)


@pytest.mark.parametrize("digits", [1, 38, 39, 76])
@pytest.mark.parametrize("column", ["q", "id", "region"])
def test_a_decimal_is_exact_or_its_file_is_refused(reader: Reader, column: str, digits: int) -> None:
    value = Decimal("3")
    made = pa.array([value], pa.decimal256(digits, 0) if digits > 38 else pa.decimal128(digits, 0))
    read = reader.table(table(**{column: made}), plain_source("parquet"))
    if digits > 38:
        assert isinstance(read.outcome, Broken)
        assert f"column {column!r} holds decimals of {digits} digits" in read.outcome.reason
    else:
        assert isinstance(read.outcome, Taken)
        assert [(event["quantity"], event["event_id"]) for event in read.events] == [
            (3 if column == "q" else 1, "3" if column == "id" else "id0")
        ]


def test_a_wide_decimal_deep_in_a_struct_is_seen_and_one_that_nobody_maps_is_not(reader: Reader) -> None:
    wide = pa.array([Decimal(1)], pa.decimal256(50, 0))
    inner = pa.StructArray.from_arrays([pa.array(["x"]), wide], ["name", "cost"])
    outer = pa.StructArray.from_arrays([pa.array([1]), inner], ["n", "deep"])
    given = table(usage=outer, other=wide)
    of_cost = plain_source("parquet", quantity=Column("usage.deep.cost"))
    assert isinstance(reader.table(given, of_cost).outcome, Broken)
    of_count = plain_source("parquet", quantity=Column("usage.n"), meter=Column("usage.deep.name"))
    assert [(event["quantity"], event["meter"]) for event in reader.table(given, of_count).events] == [(1, "x")]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("end", [-(2**63), -(2**63) + 1, 2**63 - 1])
def test_a_time_at_the_end_of_its_integers_breaks_its_row_only(
    reader: Reader, unit: str, zone: str | None, end: int
) -> None:
    good = GOOD * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    if unit == "s" and abs(end) > 2**53:
        end = int(end / 10**6) * 1000  # Parquet has no seconds: they are written as milliseconds
    times = pa.array([good, end, good], pa.int64()).cast(pa.timestamp(unit, zone))
    for statistics in (True, False):
        read = reader.table(table(ts=times), plain_source("parquet"), write_statistics=statistics)
        assert [event["row"] for event in read.events] == [1, 3], read.outcome
        assert [row["row"] for row in read.rejects] == [2]


def test_a_file_that_took_another_ones_place_within_a_tick_is_read_by_its_own_footer(reader: Reader) -> None:
    """Of the same size and time, but with its columns at other places."""
    file = reader.root / "given.parquet"
    for wide, narrow in (("id", "org"), ("org", "id")):
        names = {wide: ["x" * 200], narrow: ["x" * 150]}
        pq.write_table(table(**names), file, compression="none", use_dictionary=False, write_statistics=False)
        os.utime(file, (GOOD, GOOD))
        (event,) = reader.read(file, plain_source("parquet")).events
        assert {"id": event["event_id"], "org": event["org_id"]} == {name: values[0] for name, values in names.items()}


def test_encodings_that_only_pyarrow_knows_are_read_and_a_file_of_no_columns_has_no_rows(reader: Reader) -> None:
    exact = pa.array([Decimal("1.500000000000000001")], pa.decimal128(38, 18))
    encodings = dict.fromkeys(("id", "org", "meter", "region", "ts"), "PLAIN") | {"q": "BYTE_STREAM_SPLIT"}
    split: dict[str, Any] = {"use_dictionary": False, "column_encoding": encodings}
    read = reader.table(table(q=exact), plain_source("parquet"), **split)
    assert [event["quantity"] for event in read.events] == [Decimal("1.500000000000000001")], read.outcome
    assert isinstance(reader.table(pa.table({}), plain_source("parquet")).outcome, Taken)


@pytest.mark.parametrize(
    ("given", "text", "kept"),
    [
        ("m\u00fc'n".encode(), "m\u00fc'n", r"m\xC3\xBC\x27n"),
        (b"a\xff", r"a\xFF", r"a\xFF"),
        (b"a\0b", r"a\x00b", r"a\x00b"),
    ],
)
def test_bytes_that_are_text_are_told_as_text_but_not_in_ids(
    reader: Reader, given: bytes, text: str, kept: str
) -> None:
    names = ("id", "org", "meter", "region")
    (event,) = reader.table(table(**{name: [given] for name in names}, q=[b"1.5"]), plain_source("parquet")).events
    assert event["event_id"] == kept
    assert (event["org_id"], event["meter"], json.loads(event["dimensions"])) == (text, text, {"region": text})


@pytest.mark.parametrize("mapped", ['{ column = "v", json = "n.q" }', '"v.n.q"'])
def test_a_variant_is_looked_into_with_all_its_digits(reader: Reader, mapped: str) -> None:
    file = reader.root / "given.parquet"
    digits = "0.123456789012345678"
    value = f"{{'org': 'acme', 'n': {{'q': {digits}::decimal(38, 18)}}}}::variant"
    duckdb.execute(f"copy (select 'e' as id, {value} as v) to '{file}' (format parquet)")
    columns = f"""event_id = "id", org_id = {{ column = "v", json = "org" }}, quantity = {mapped}"""
    fixed = """meter = { constant = "m" }, occurred_at = { sql = "'2026-10-05'" }"""
    read = reader.read(file, source_of(f'format = "parquet"\ncolumns = {{ {columns}, {fixed} }}', reader.root))
    assert told(read) == [f"acme m {digits} 2026-10-05T00:00:00Z"], read.rejects


SHAPES = {"geo": '{"version": "1.0.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB"}}}'}
"""Of a column of places, which DuckDB takes for no such."""


def test_a_file_is_not_given_up_for_what_nobody_maps(reader: Reader) -> None:
    read = reader.table(table(g=[b"\x01"]).replace_schema_metadata(SHAPES), plain_source("parquet"))
    assert [event["event_id"] for event in read.events] == ["id0"], read.outcome


def test_a_file_that_no_reader_can_read_is_refused_and_not_tried_for_ever(reader: Reader) -> None:
    file = reader.root / "given.parquet"
    shaped = table(q=pa.array([3, 3], pa.int64())).replace_schema_metadata(SHAPES)
    pq.write_table(shaped, file, compression="none")
    content = file.read_bytes()
    width = content.index(b"\x02\x00\x00\x00\x04\x01\x01\x04") + 6  # of an index: after that both values are there
    file.write_bytes(content[:width] + bytes([254]) + content[width + 1 :])
    assert isinstance(reader.read(file, plain_source("parquet")).outcome, Broken)


@pytest.mark.parametrize(("column", "quantity"), [("q", 1), ("Q", 5), ("S.q", 7)])
def test_names_that_differ_in_case_only_are_two(reader: Reader, column: str, quantity: int) -> None:
    file = reader.root / "case.parquet"
    pq.write_table(table(q=["1"], Q=["5"], s=[{"q": 6}], S=[{"q": 7}]), file)
    read = reader.read(file, plain_source("parquet", quantity=Column(column)))
    assert [event["quantity"] for event in read.events] == [quantity]


def named(*columns: tuple[str, Any]) -> pa.Table:
    """One row with further columns, of which some may have one name."""
    plain = table(org=["acme"]).drop_columns(["q"])
    arrays = [*plain.columns, *(pa.array([value]) for _, value in columns)]
    return pa.Table.from_arrays(arrays, [*plain.column_names, *(name for name, _ in columns)])


@pytest.mark.parametrize(
    ("mapped", "quantity"), [("q", 1), ("Q", 2), ("q_1", 3), ("x.q", 4), ("x.Q", 5), ("x.y.q", 6), ("x.y.Q", 7)]
)
def test_names_that_differ_in_capitals_are_different_names(reader: Reader, mapped: str, quantity: int) -> None:
    deep = {"q": 4, "Q": 5, "y": {"Q": 7, "q": 6}}
    read = reader.table(
        named(("q", 1), ("Q", 2), ("q_1", 3), ("x", deep)), plain_source("parquet", quantity=Column(mapped))
    )
    assert [event["quantity"] for event in read.events] == [quantity], getattr(read.outcome, "reason", "")


@pytest.mark.parametrize(("mapped", "said"), [("q", "column 'q'"), ("q.n", "column 'q'"), ("x.n", "field 'x.n'")])
def test_a_name_that_stands_twice_is_no_name(reader: Reader, mapped: str, said: str) -> None:
    inner = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["n", "n"])
    given = named(("q", {"n": 1}), ("q", {"n": 2}), ("q_1", 3))
    given = given.append_column("x", inner)
    read = reader.table(given, plain_source("parquet", quantity=Column(mapped)))
    assert isinstance(read.outcome, Broken)
    assert read.outcome.reason.startswith(f"the file has the {said} more than once"), read.outcome.reason
    beside = reader.table(given, plain_source("parquet", quantity=Column("q_1")))
    assert [event["quantity"] for event in beside.events] == [3]


def test_wide_decimals_of_a_map_are_refused_too(reader: Reader) -> None:
    entry = pa.array([[("gb", Decimal("1"))]], pa.map_(pa.string(), pa.decimal256(60, 18)))
    given = named(("q", 1)).append_column("used", entry)
    read = reader.table(given, plain_source("parquet", quantity=Column("used.gb")))
    assert isinstance(read.outcome, Broken)
    assert read.outcome.reason.startswith("column 'used.gb' holds decimals of 60 digits")


@pytest.mark.parametrize("mapped", ["labels[key=org].value", "labels[0]"])
def test_a_path_into_a_list_is_told_the_words_that_read_it(reader: Reader, mapped: str) -> None:
    labels = pa.array([[{"key": "org", "value": "acme"}]])
    read = reader.table(
        table(org=["acme"]).append_column("labels", labels), plain_source("parquet", org_id=Column(mapped))
    )
    assert isinstance(read.outcome, Broken)
    assert f'{{ column = "labels", json = "{mapped.removeprefix("labels")}" }}' in read.outcome.remedy


class Keys(pe.KmsClient):
    """Wraps a key in nothing."""

    def wrap_key(self, key: bytes, _: str) -> str:
        return base64.b64encode(key).decode()


@pytest.mark.parametrize("plain_footer", [True, False])
def test_a_file_that_is_encrypted_is_told_as_that(reader: Reader, *, plain_footer: bool) -> None:
    asked = pe.EncryptionConfiguration(footer_key="k", column_keys={"c": ["q"]}, plaintext_footer=plain_footer)
    made = pe.CryptoFactory(lambda _: Keys()).file_encryption_properties(pe.KmsConnectionConfig(), asked)
    read = reader.table(table(org=["acme"]), plain_source("parquet"), encryption_properties=made)
    assert isinstance(read.outcome, Broken)
    assert "encrypted" in read.outcome.reason
    assert "export it without encryption" in read.outcome.reason
