"""What a mapping does with a number is exact, or the number is refused: held against fractions."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline_tests.stores.usage.intake.mapped import PLAIN, read, refused, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

JSONL = f'format = "jsonl"\n{PLAIN}'
ROW = '{{"id":{id},"org":"acme","meter":"m","q":{q},"ts":"2026-10-05T00:00:00Z"}}\n'
LARGEST = Fraction(10**15)

numbers = st.one_of(
    st.integers(-(10**16), 10**16).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**6), max_value=10**6).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=64).map(repr),
    st.tuples(st.integers(-(10**17), 10**17), st.integers(-45, 6)).map(lambda parts: f"{parts[0]}e{parts[1]}"),
)
factors = st.one_of(
    st.sampled_from([Decimal(1), Decimal(1024), Decimal(3600), Decimal(2**30), Decimal("0.001"), Decimal(-3)]),
    st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**8), max_value=10**8).filter(bool),
)


def scaled(text: str, times: Decimal, divide_by: Decimal, decimals: int | None) -> Decimal | None:
    """The number as a mapping should have it; None where it has to be refused."""
    exactly = Fraction(Decimal(text)) * Fraction(times) / Fraction(divide_by)
    places = 18 if decimals is None else decimals
    units = exactly * 10**places
    whole = abs(units) + (Fraction(1, 2) if decimals is not None else 0)
    if decimals is None and units.denominator != 1:
        return None
    rounded = int(whole) * (1 if units > 0 else -1)
    if abs(Fraction(rounded, 10**places)) >= LARGEST:
        return None
    with localcontext(prec=60):
        return Decimal(rounded).scaleb(-places)


@settings(max_examples=15, deadline=None)
@given(
    texts=st.lists(numbers, min_size=1, max_size=80),
    times=factors,
    divide_by=factors,
    decimals=st.none() | st.integers(0, 18),
)
def test_factors_and_rounding_are_exact(
    reader: Reader, texts: list[str], times: Decimal, divide_by: Decimal, decimals: int | None
) -> None:
    rounded = "" if decimals is None else f", round = {decimals}"
    quantity = f'{{ column = "q", times = {times:f}, divide_by = {divide_by:f}{rounded} }}'
    toml = JSONL.replace('"q"', quantity)
    content = "".join(ROW.format(id=n, q=f'"{text}"') for n, text in enumerate(texts))
    became = {int(event["event_id"]): event["quantity"] for event in read(reader, toml, content).events}
    for n, text in enumerate(texts):
        expected = scaled(text, times, divide_by, decimals)
        digits = len(Decimal(text).as_tuple().digits) + len((times * 1).as_tuple().digits)
        if n in became:
            assert expected is not None
            assert became[n] == expected, text
        elif expected is not None:  # refused all the same: only what has too many digits to be worked out
            assert digits + abs(int(Decimal(text).adjusted())) + abs(times.adjusted()) > 30, text


@pytest.mark.parametrize(
    ("quantity", "given", "becomes"),
    [
        ('{ column = "q", divide_by = 3 }', "1", "quantity_too_precise"),
        ('{ column = "q", divide_by = 3 }', "3", "1"),
        ('{ column = "q", divide_by = 3, round = 2 }', "5", "1.67"),
        ('{ column = "q", round = 18 }', "0.0100199867245920220", "0.010019986724592022"),
        ('{ column = "q", round = 1 }', "-0.25", "-0.3"),
        ('{ column = "q", round = 0 }', "0.5", "1"),
        ('{ column = "q", divide_by = 1073741824, round = 9 }', "3958241859993600", "3686400"),
        ('{ column = "q", times = 24 }', "0.041666666666666664", "0.999999999999999936"),
        ('{ column = "q", times = { column = "id" } }', "2.5", "0"),
        ('{ column = "q", divide_by = { column = "id" } }', "2.5", "quantity_not_a_number"),
        ('{ column = "q", times = { column = "meter", map = { m = 1000 } } }', "2.5", "2500"),
        ('{ column = "q", times = { column = "meter", map = { k = 1000 } } }', "2.5", "quantity_not_a_number"),
        ('{ column = "q", times = 2 }', '"x"', "quantity_not_a_number"),
        ('{ column = "q", times = 2 }', "null", "quantity_missing"),
        ('{ column = "q", times = 1000 }', "1e13", "quantity_too_large"),
        ('{ column = "q", map = { start = 1, exit = -1.5 } }', '"exit"', "-1.5"),
        ('{ column = "q", map = { start = 1, exit = -1 } }', '"restart"', "quantity_not_a_number"),
        ('{ column = "q", map = { start = 1, exit = -1 } }', "1", "quantity_not_a_number"),
        ("{ constant = 2.5 }", "1", "2.5"),
    ],
)
def test_a_quantity_is_made_as_the_mapping_says(reader: Reader, quantity: str, given: str, becomes: str) -> None:
    found = read(reader, JSONL.replace('"q"', quantity), ROW.format(id=0, q=given))
    events = [format(event["quantity"].normalize(), "f") for event in found.events]
    assert events + list(refused(found).values()) == [becomes]


@pytest.mark.parametrize(
    ("marks", "text", "becomes"),
    [
        ('decimal = ","', "3,5", "3.5"),
        ('decimal = ","', "3.5", "quantity_not_a_number"),
        ('decimal = ",", thousands = "."', "1.234.567,5", "1234567.5"),
        ('decimal = ",", thousands = "."', "1.23,5", "quantity_not_a_number"),
        ('thousands = ","', "1,234.5", "1234.5"),
        ('thousands = ","', "1,23.5", "quantity_not_a_number"),
        ('thousands = ","', "1234.5", "1234.5"),
        ('thousands = "^"', "1^234.5", "1234.5"),
        ("thousands = '\\'", "1\\234.5", "1234.5"),
        ('thousands = "\'"', "1'234.5", "1234.5"),
    ],
)
def test_marks_of_a_language_are_read_strictly(reader: Reader, marks: str, text: str, becomes: str) -> None:
    toml = f'format = "csv"\n{PLAIN}csv = {{ delimiter = ";", {marks} }}'
    found = read(reader, toml, f"id;org;meter;q;ts\n1;acme;m;{text};2026-10-05\n")
    events = [format(event["quantity"].normalize(), "f") for event in found.events]
    assert events + list(refused(found).values()) == [becomes]


@pytest.mark.parametrize(
    ("quantity", "text", "becomes"),
    [
        ("{ sql = \"replace(q, ' EUR', '')\" }", "1.234 EUR", "1234"),
        ("{ sql = \"replace(q, ' EUR', '')\" }", "12,5 EUR", "12.5"),
        ('{ constant = 2, times = { sql = "left(q, 5)" } }', "1.234 EUR", "2468"),
        ('{ sql = "length(q) * 1.5" }', "1234567", "10.5"),
        ('{ column = "q", json = "n" }', '{"n":1.234}', "1.234"),
        ('{ column = "q", json = "n" }', '{"n":"1.234,5"}', "quantity_not_a_number"),
    ],
)
def test_marks_of_a_language_are_those_of_texts_of_the_file(
    reader: Reader, quantity: str, text: str, becomes: str
) -> None:
    dialect = 'csv = { delimiter = ";", quote = "", decimal = ",", thousands = "." }'
    toml = f'format = "csv"\n{PLAIN.replace(chr(34) + "q" + chr(34), quantity)}{dialect}'
    found = read(reader, toml, f"id;org;meter;q;ts\n1;acme;m;{text};2026-10-05\n")
    events = [format(event["quantity"].normalize(), "f") for event in found.events]
    assert events + list(refused(found).values()) == [becomes]


def test_a_factor_that_is_not_there_is_named(reader: Reader) -> None:
    quantity = '{ column = "q", times = { column = "f" }, divide_by = 2 }'
    toml = f'format = "csv"\n{PLAIN.replace(chr(34) + "q" + chr(34), quantity)}'
    found = read(reader, toml, "id,org,meter,q,f,ts\n1,acme,m,5,,2026-10-05\n")
    assert found.rejects[0]["message"] == "the row has no quantity (column 'q' times column 'f')"


MEASURES = """
format = "jsonl"
columns = { event_id = "id", org_id = "org", occurred_at = "ts" }
[[sources.measures]]
meter = "in"
quantity = "a"
[[sources.measures]]
meter = { column = "kind" }
quantity = { column = "b", times = 2 }
[[sources.measures]]
meter = "in"
quantity = "c"
"""


def test_a_row_tells_of_each_meter_that_it_has(reader: Reader) -> None:
    head = '"org":"acme","ts":"2026-10-05","kind":"out"'
    rows = ['"a":1,"b":2', '"a":null,"b":"3"', '"b":"x","a":1', '"z":1', '"a":1,"c":2']
    found = read(reader, MEASURES, "".join(f'{{"id":{n},{head},{row}}}\n' for n, row in enumerate(rows, start=1)))
    time = "2026-10-05T00:00:00Z"
    assert told(found) == [
        f"acme in 1 {time}", f"acme out 4 {time}", f"acme out 6 {time}",
        f"acme in 1 {time}", f"acme in 1 {time}", f"acme in 2 {time}",
    ]  # fmt: skip
    ids: list[Any] = sorted(event["event_id"] for event in found.events)
    assert ids == ["1#in", "1#out", "2#out", "3#in", "5#in", "5#in#2"]
    assert refused(found) == {3: "quantity_not_a_number", 4: "quantity_missing"}


def test_a_row_of_several_meters_that_is_bad_is_one_bad_row(reader: Reader) -> None:
    rows = [
        '"org":"","a":1,"c":2',
        '"org":"acme","a":"x","c":"y"',
        '"org":"acme","a":"x","c":1e16',
        '"org":"acme","a":1',
    ]
    found = read(
        reader, MEASURES, "".join(f'{{"id":{n},"ts":"2026-10-05",{row}}}\n' for n, row in enumerate(rows, start=1))
    )
    assert [(bad["row"], bad["reason"]) for bad in found.rejects] == [
        (1, "org_missing"),
        (2, "quantity_not_a_number"),
        (3, "quantity_not_a_number"),
        (3, "quantity_too_large"),
    ]
    assert getattr(found.outcome, "quarantined", {}) == {
        "org_missing": 1,
        "quantity_not_a_number": 2,
        "quantity_too_large": 1,
    }


def test_rows_that_are_no_usage_are_left_out_and_counted(reader: Reader) -> None:
    where = """where = { kind = ["use", 2], meter = { not = "tax" }, org = { present = true }, done = true }"""
    kinds = ['"use"', "2", '"credit"', "null", '"use"', '"use"', '"use"', '"use"']
    rows = [f'"kind":{kind},"meter":"m","org":"acme","done":true' for kind in kinds]
    rows[4] = rows[4].replace('"m"', '"tax"')
    rows[5] = rows[5].replace('"acme"', '""')
    rows[6] = rows[6].replace("true", "false")
    rows[7] = rows[7].replace('"meter":"m",', "")
    content = "".join(f'{{"id":{n},{row},"q":1,"ts":"2026-10-05"}}\n' for n, row in enumerate(rows, start=1))
    found = read(reader, f"{JSONL}{where}", content + "no record\n")
    assert [event["event_id"] for event in found.events] == ["1", "2"]
    assert refused(found) == {8: "meter_missing", 9: "not_a_record"}
    assert getattr(found.outcome, "left_out", None) == 5


def test_the_oracle_rounds_as_schools_do() -> None:
    assert scaled("0.125", Decimal(1), Decimal(1), 2) == Decimal("0.125").quantize(Decimal("0.01"), ROUND_HALF_UP)


LISTED = {
    "7.6": "7.6",
    "7.60": "7.6",
    "8.0": "8",
    "12": "12",
    "0.123456789012345678": None,
    "1234567890123456.7": None,
    "1.0000000000000000001": None,
}


@pytest.mark.parametrize("line", ['{"at": "2026-10-05", "l": [ {"v": %s} ]}', '{"at":"2026-10-05","l":[{"v":%s}]}'])
def test_numbers_of_a_list_in_a_line_are_not_rounded_where_json_looks_into_it(reader: Reader, line: str) -> None:
    content = "".join(line % number + "\n" for number in LISTED)
    said = 'org_id = { constant = "o" }, meter = { constant = "m" }, occurred_at = "at"'
    quantity, value = '{ column = "l", json = "[0].v" }', """{ sql = 'regexp_extract(l, ''"v":([0-9.]+)'', 1)' }"""
    for each in (quantity, value.replace("''", "'").replace("{ sql = '", "{ sql = '''").replace("1)' }", "1)''' }")):
        found = read(reader, f'format = "jsonl"\ncolumns = {{ event_id = "row", {said}, quantity = {each} }}', content)
        told_of = {event["row"]: format(event["quantity"].normalize(), "f") for event in found.events}
        assert [told_of.get(row) for row in range(1, len(LISTED) + 1)] == list(LISTED.values())
    found = read(
        reader,
        f'format = "jsonl"\ncolumns = {{ event_id = {quantity}, {said}, quantity = {{ constant = 1 }} }}',
        content,
    )
    assert [row for row in range(1, len(LISTED) + 1) if row in refused(found)] == [5, 6, 7]
