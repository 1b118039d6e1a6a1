"""A key with points in its name is named in quotes. Without, its file is refused: a part of an id would be nothing."""

import json

import pytest

from flybill_pipeline.billing.usage.files import Broken
from flybill_pipeline_tests.stores.usage.intake.mapped import read, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

ROWS = [{"at.ms": n, "l": {"x.io/org": "acme", "a": {"b": 1}}, "q": 2, "t": "2026-10-05"} for n in (1, 2)]
DOCUMENT = {"data": [{"series.id": "s", "points": ROWS}]}
LINES = "\n".join(map(json.dumps, ROWS))
MAPPING = """
[sources.columns]
event_id = {ids}
org_id = {{ constant = "acme" }}
meter = {{ constant = "m" }}
quantity = "q"
occurred_at = "t"
"""


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ('["at.ms", "t"]', "at.ms"),
        ('["l.x.io/org", "t"]', "x.io/org"),
        ('["q", "l.x.io/org.none"]', "x.io/org"),
        ("""{ sql = '"at.ms" || t' }""", "at.ms"),
        ("""'"at.ms"'""", None),
        ("""['l."x.io/org"', '"at.ms"']""", None),
        ("""['"at.ms"', "l.a.b", "l.a.c", "none.x"]""", None),
        ('{ sql = \'"""at.ms""" || t\' }', None),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "json"])
def test_a_key_with_points_is_named_in_quotes_or_told(reader: Reader, kind: str, name: str, key: str | None) -> None:
    records = 'records = "data[].points[]"' if kind == "json" else ""
    given = json.dumps(DOCUMENT) if kind == "json" else LINES
    found = read(reader, f'format = "{kind}"\n{records}\n{MAPPING.format(ids=name)}', given)
    if key is None:
        assert len({event["event_id"] for event in found.events}) == 2
        assert told(found) == ["acme m 2 2026-10-05T00:00:00Z"] * 2
    else:
        assert isinstance(found.outcome, Broken)
        assert f"the key {key!r}" in found.outcome.reason
        assert f"'\"{key}\"'" in found.outcome.remedy


def test_it_is_looked_for_in_the_objects_around_a_record_too(reader: Reader) -> None:
    mapping = MAPPING.format(ids="""['"at.ms"', "^.series.id"]""")
    found = read(reader, f'format = "json"\nrecords = "data[].points[]"\n{mapping}', json.dumps(DOCUMENT))
    assert isinstance(found.outcome, Broken)
    assert "'series.id'" in found.outcome.reason
