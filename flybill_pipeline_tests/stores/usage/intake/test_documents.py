"""Records are found within JSON documents, and each number keeps the digits that stand there: held against `json`."""

import gzip
import json
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.stores.usage.intake import documents
from flybill_pipeline.stores.usage.intake.columns import PathError, steps_of
from flybill_pipeline_tests.stores.usage.intake.mapped import read, refused, source_of, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

MAPPING = """
format = "{form}"
records = {records}
columns = {{ event_id = {id}, org_id = "{org}", meter = {{ constant = "m" }}, quantity = "{q}", occurred_at = "{at}" }}
"""


def mapping(records: str = '"[]"', form: str = "json", **columns: str) -> str:
    named = {"id": '"id"', "org": "o", "q": "q", "at": "ts"} | columns
    return MAPPING.format(form=form, records=records, **named)


def record(number: Any, **more: Any) -> dict[str, Any]:
    return {"id": "1", "o": "acme", "q": number, "ts": "2026-10-05T00:00:00Z"} | more


EVENT = "acme m 5 2026-10-05T00:00:00Z"


@pytest.mark.parametrize(
    ("toml", "document"),
    [
        (mapping('"data[].results[]"', at="^.t"), {"data": [{"t": 1791158400, "results": [record(5)]}]}),
        (mapping('"data.*"', org="@key"), {"data": {"acme": record(5, o="x")}}),
        (mapping('"data[].*"', org="^.^.owner"), {"owner": "acme", "data": [{"x": record(5, o="x")}]}),
        (mapping('["a[]", "b[]"]'), {"b": [record(5)]}),
        (mapping('"a[].v[]"', id='"row"', org="^.o", at="[0]", q="[1]"), {"a": [{"o": "acme", "v": [[1791158400, 5]]}]}),  # noqa: E501
        (mapping('"[]"', org="l[key=org].value"), [record(5, l=[{"key": "x"}, {"key": "org", "value": "acme"}])]),
        (mapping('"[]"', org="labels[key=org].value.*"), [record(5, labels=[{"key": "org", "value": {"s": "acme"}}])]),
        (mapping('"[]"', q="v[-1]"), [record(0, v=[1, 5])]),
        (mapping('"s[].*"', id='"@key"', org="^.^.o", at="@key", q="."), {"o": "acme", "s": [{"2026-10-05": 5}]}),
        (mapping('"[]"', q='\\"usage.q\\".n'), [record(0, **{"usage.q": {"n": 5}})]),
        (mapping('"results[]"', form="jsonl", at="^.t"), {"t": 1791158400, "results": [record(5)]}),
    ],
)  # fmt: skip
def test_a_record_is_found_with_what_stands_around_it(reader: Reader, toml: str, document: Any) -> None:
    assert told(read(reader, toml, json.dumps(document))) == [EVENT]


def test_documents_may_follow_each_other_in_any_encoding_of_json(reader: Reader) -> None:
    text = json.dumps([record(5)], indent=1) + "\n" + json.dumps([record(5, id="2"), 3])
    for content in (text.encode(), text.encode("utf-16"), ("\ufeff" + text).encode()):
        found = read(reader, mapping(), content)
        assert told(found) == [EVENT, EVENT]
        assert refused(found) == {3: "not_a_record"}


def test_documents_may_each_begin_with_the_mark_of_a_text_sequence(reader: Reader) -> None:
    """RFC 7464: as `jq --seq` and GeoJSON sequences write them."""
    text = "".join(f"\x1e{json.dumps(record(5), indent=1)}\n" for _ in range(2))
    assert told(read(reader, mapping('"."'), text)) == [EVENT] * 2


def test_a_document_itself_may_be_the_record(reader: Reader) -> None:
    text = json.dumps(record(5)) + json.dumps(record(5, id="2"), indent=1) + json.dumps([record(5, id="3")]) + " 4"
    found = read(reader, mapping('[".", "x[]"]'), text)
    assert told(found) == [EVENT, EVENT]
    assert refused(found) == {3: "event_id_missing", 4: "not_a_record"}


def test_a_value_is_a_record_only_where_the_mapping_asks_for_it(reader: Reader) -> None:
    document = json.dumps(
        {"d": {"2026-10-05": 5, "2026-10-06": "6", "2026-10-07": None, "2026-10-08": {"a": 1}}, "e": 3}
    )
    toml = mapping('["d.*", "e.*"]', id='"@key"', org="@key", at="@key", q=".")
    found = read(reader, toml, document)
    assert [line.split()[2] for line in told(found)] == ["5", "6"]
    assert refused(found) == {3: "quantity_missing", 4: "quantity_not_a_number", 5: "not_a_record"}
    assert set(refused(read(reader, toml.replace('quantity = "."', 'quantity = "q"'), document)).values()) == {
        "not_a_record",
        "quantity_missing",
    }


def test_lines_are_read_one_by_one_packed_or_not(reader: Reader) -> None:
    lines = [json.dumps({"r": [record(5, id=str(n))]}) for n in range(3)] + ["", '{"r":', '{"r": [], "r": []}', "5"]
    toml = mapping('"r[]"', form="jsonl")
    source = source_of(toml, reader.root)
    for name, content in (
        ("a.jsonl", "\n".join(lines).encode()),
        ("a.jsonl.gz", gzip.compress("\n".join(lines).encode())),
    ):
        (reader.root / name).write_bytes(content)
        found = reader.read(reader.root / name, source)
        assert told(found) == [EVENT] * 3
        assert list(refused(found).values()) == ["not_a_record"] * 3


@pytest.mark.parametrize(
    ("toml", "content", "says"),
    [
        (mapping(), '[{"id": 1}', "the file is no JSON document, or is cut: Expecting"),
        (mapping(), '[{"id": 1, "id": 2}]', "an object has the key 'id' more than once"),
        (mapping(), "[" * 100_000, "the file is no JSON document"),
        (mapping('"data[]"'), '{"error": "no", "code": 3}', r"has nothing at data\[\]; it has error, code"),
        (mapping('"data[]"'), "null", r"has nothing at data\[\]; it is only null"),
        (mapping('"data[]"'), "404", r"has nothing at data\[\]; it is only 404"),
        (mapping('"data[]"'), "[]", r"has nothing at data\[\]; it is a list of 0"),
        (mapping('"data.x[]"'), '{"data": null, "errors": [{}]}', r"has nothing at data.x\[\]; it has data, errors"),
    ],
)
def test_what_is_no_document_is_broken_with_a_sentence(reader: Reader, toml: str, content: str, says: str) -> None:
    assert re.search(says, getattr(read(reader, toml, content).outcome, "reason", ""))


@pytest.mark.parametrize("records", ["data[]", "data.*", "data.*[]"])
def test_an_empty_list_or_object_is_none_also_as_go_and_php_write_it(reader: Reader, records: str) -> None:
    for content in ('{"data": []}', '{"data": null}'):
        found = read(reader, mapping(f'"{records}"'), content)
        assert (found.events, found.rejects, getattr(found.outcome, "reason", "")) == ([], [], "")


@pytest.mark.parametrize("failed", ['{"error": "too many requests"}', "[]", '{"data": null}'])
def test_an_answer_without_records_among_others_is_a_bad_row(reader: Reader, failed: str) -> None:
    """Pages of an answer, one after another: usage of the one that failed was missing without a word."""
    page = json.dumps({"data": {"x": [record(5)]}})
    found = read(reader, mapping('"data.x[]"'), f"{page}\n{failed}\n{page}")
    assert (told(found), refused(found)) == ([EVENT] * 2, {2: "not_a_record"})


@pytest.mark.parametrize(
    ("records", "content"),
    [("[]", record(5)), ("data[]", {"data": record(5)}), ("data[].r[]", {"data": [{"r": record(5)}]}), ("*.*", [5])],
)
def test_what_is_no_list_where_records_says_so_is_refused_and_not_lost(
    reader: Reader, records: str, content: object
) -> None:
    """Some exporters write a list of one without the list."""
    found = read(reader, mapping(f'"{records}"'), json.dumps(content))
    assert (found.events, refused(found)) == ([], {1: "not_a_record"})
    assert found.outcome.records == found.outcome.told == 1  # type: ignore[union-attr]


def test_an_empty_list_is_no_fault(reader: Reader) -> None:
    found = read(reader, mapping('"data[]"'), '{"data": []}')
    assert (found.events, found.rejects) == ([], [])


def test_a_document_that_is_too_large_is_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST_DOCUMENT", 100)
    for form in ("json", "jsonl"):
        found = read(reader, mapping(form=form), json.dumps([record(5)] * 5))
        assert "too much to hold at once" in getattr(found.outcome, "reason", "")


numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**14, places=18).map(str)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(numbers, max_size=20), max_size=6))
def test_every_digit_is_kept(reader: Reader, groups: list[list[str]]) -> None:
    body = ",".join(
        '{"t":1791158400,"r":[' + ",".join(f'{{"o":"acme","q":{n}}}' for n in group) + "]}" for group in groups
    )
    toml = mapping('"g[].r[]"', id='"row"', at="^.t")
    document = f'{{"g":[{body}]}}'
    plain = [
        each["q"] for group in json.loads(document, parse_float=Decimal, parse_int=Decimal)["g"] for each in group["r"]
    ]
    found = read(reader, toml, document)
    assert found.rejects == []
    assert [event["quantity"] for event in sorted(found.events, key=lambda event: event["row"])] == plain
    assert len({event["event_id"] for event in found.events}) == len(plain)


@pytest.mark.parametrize(
    ("path", "value"), [("[k=a.b]", "a.b"), ('[k="a.b"]', "a.b"), ('[k="a]"]', "a]"), ('[k="a]', '"a')]
)
def test_a_value_that_is_looked_for_may_stand_in_quotes(path: str, value: str) -> None:
    assert steps_of(path)[0].has == ("k", value)


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a]", "a.", '"a', "a^b", ".a"])
def test_what_is_no_path_is_said(path: str) -> None:
    try:
        assert steps_of(path) == ()
    except PathError:
        return
    assert path == ""


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('format = "jsonl"\ndimensions = { d = "." }', "columns: is empty"),
        ('format = "json"', 'records: missing: the path to the records, such as "data'),
        ('format = "csv"\nrecords = "a[]"', "records: is for documents"),
        ('format = "parquet"\ncsv = { skip = 1, decimal = "," }', "csv.skip: is for csv, not parquet: leave it out"),
        ('format = "jsonl"\nencoding = "cp1252"', "csv.encoding: is for csv, not jsonl: leave it out"),
        ('format = "json"\nrecords = "a[b"', "records: 'a.b' is no path"),
        ('format = "json"\nrecords = "a[*]"', r"each element of a list is \[\] in"),
        ('format = "jsonl"\ndimensions = { d = \'a["b.c"]\' }', r'quotes after a point, as in x."a.b"'),
        ('format = "jsonl"\ndimensions = { d = \'a[?(@.k=="b")].v\' }', r"is \[key=value\]"),
        ('format = "jsonl"\ndimensions = { d = "[fields][kind]" }', "a key stands after a point, as in fields.kind"),
        ('format = "json"\nrecords = "^.a"', "records: '.' cannot stand in"),
        ('format = "jsonl"\ndimensions = { d = "^.a" }', "needs `records`: a line by itself has no parent"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_fault(reader: Reader, toml: str, says: str) -> None:
    columns = 'columns = { event_id = "i", org_id = "o", meter = "m", quantity = "q", occurred_at = "t" }\n'
    with pytest.raises(Exception, match=says):
        source_of(f"{columns}{toml}", reader.root)


def test_a_column_of_csv_may_hold_json(reader: Reader) -> None:
    toml = """format = "csv"
columns = { event_id = "id", org_id = { column = "tags", json = "org.x" }, meter = { constant = "m" },
            quantity = { column = "tags", json = "q" }, occurred_at = "ts" }"""
    rows = ['""q"":0.123456789012345678', '""q"":0.1234567890123456789', '""q"":1,""a"":{""q"":2}']
    content = "id,tags,ts\n" + "".join(
        f'{n},"{{""org"":{{""x"":""acme""}},{row}}}",2026-10-05\n' for n, row in enumerate(rows)
    )
    found = read(reader, toml.replace("\n            ", " "), content + "9,none,2026-10-05\n")
    assert told(found) == ["acme m 0.123456789012345678 2026-10-05T00:00:00Z", "acme m 1 2026-10-05T00:00:00Z"]
    assert refused(found) == {3: "quantity_too_precise", 5: "org_missing"}


LABELS = [[{"key": "env", "value": "x"}, {"key": "org", "value": "acme"}], [{"key": "env"}], [], None]
LABELLED = """columns = { event_id = "id", org_id = { column = "labels", json = "[key=org].value" }, occurred_at = "ts",
    meter = { constant = "m" }, quantity = "q" }""".replace("\n   ", "")


def test_an_element_is_looked_for_in_the_json_of_a_column(reader: Reader) -> None:
    given = [json.dumps(each) for each in LABELS] + ["none", '{"key":"org"}']
    rows = [f'{n},"{label.replace(chr(34), chr(34) * 2)}",2026-10-05,5\n' for n, label in enumerate(given)]
    found = read(reader, f'format = "csv"\n{LABELLED}', "id,labels,ts,q\n" + "".join(rows))
    assert told(found) == [EVENT]
    assert refused(found) == dict.fromkeys(range(3, 8), "org_missing")
    lines = [json.dumps({"id": n, "labels": label, "ts": "2026-10-05", "q": 5}) for n, label in enumerate(given)]
    assert told(read(reader, f'format = "jsonl"\n{LABELLED}', "\n".join(lines))) == [EVENT]


def test_a_number_in_an_element_keeps_its_digits(reader: Reader) -> None:
    toml = f'format = "csv"\n{LABELLED}'.replace('"q" }', '{ column = "labels", json = "[key=q].v.n" } }')
    document = '[{"key":"org","value":"acme"},{"key":"p","v":{"n":1.5}},{"key":"q","v":{"n":0.123456789012345678}}]'
    found = read(reader, toml, f'id,labels,ts\n1,"{document.replace(chr(34), chr(34) * 2)}",2026-10-05\n')
    assert told(found) == ["acme m 0.123456789012345678 2026-10-05T00:00:00Z"]


def test_an_element_is_looked_for_in_a_list_of_parquet(reader: Reader) -> None:
    columns: dict[str, list[Any]] = {"id": [1, 2, 3, 4], "labels": LABELS, "ts": ["2026-10-05"] * 4, "q": [5] * 4}
    source = source_of(f'format = "parquet"\n{LABELLED}', reader.root)
    found = reader.table(pa.table(columns), source)
    assert told(found) == [EVENT]
    assert set(refused(found).values()) == {"org_missing"}


def test_a_name_with_points_is_looked_for_in_a_map_and_a_struct(reader: Reader) -> None:
    """As Kubernetes and Databricks name labels."""
    name = "app.kubernetes.io/org"
    kept: dict[str, Any] = {"id": ["1"], "ts": ["2026-10-05"], "q": [5]}
    found = f"json = '\"{name}\"'"
    toml = f'format = "parquet"\n{LABELLED}'.replace('json = "[key=org].value"', found)
    labels = pa.array([[("env", "x"), (name, "acme")]], pa.map_(pa.string(), pa.string()))
    for column in (labels, pa.array([{"env": "x", name: "acme"}])):
        read = reader.table(pa.table({**kept, "labels": column}), source_of(toml, reader.root))
        assert told(read) == [EVENT]


@pytest.mark.parametrize(("name", "kind"), [("labels.org", "STRUCT(.*)\\[\\]"), ("who.org", "STRUCT"), ("id.x", "BIG")])
def test_a_field_that_is_none_is_said(reader: Reader, name: str, kind: str) -> None:
    toml = f'format = "parquet"\n{LABELLED}'.replace('{ column = "labels", json = "[key=org].value" }', f'"{name}"')
    columns: dict[str, list[Any]] = {
        "id": [1],
        "labels": LABELS[:1],
        "who": [{"name": "acme"}],
        "ts": ["2026-10-05"],
        "q": [5],
    }
    outcome = reader.table(pa.table(columns), source_of(toml, reader.root)).outcome
    column, _, field = name.partition(".")
    assert re.fullmatch(f"column '{column}' has no field '{field}': it is {kind}.*", getattr(outcome, "reason", ""))
