"""A quantity is what the file says, to the last digit, or it is in quarantine. Nothing is ever rounded."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.stores.files.duck import Limits, duck
from flybill_pipeline.stores.usage.intake.judging import MACROS
from flybill_pipeline_tests.stores.usage.usage_world import DAY, UsageWorld
from flybill_pipeline_tests.worlds.effort import examples

EXACT = [
    "0",
    "-0.0",
    "5",
    "-5.25",
    "0.1",
    "0.30000000000000004",
    "0.12345678901234567",
    "0.123456789012345678",
    "123456789.123456789012345678",
    "123456789012345",
    "999999999999999.999999999999999999",
    "900719925474099.123456789",
    "-900719925474099.30",
    "1e3",
    "1.5E+2",
    "1e-18",
    "12345e-5",
    "100000000000000000e-17",
    "0.100000000000000000000000",
    "1e14",
]
REFUSED = {
    "0.1000000000000000055511": "quantity_too_precise",
    "1e-19": "quantity_too_precise",
    "0.12345678901234567890123": "quantity_too_precise",
    "100000000000000000000": "quantity_too_large",
    "123456789012345678901.5": "quantity_too_large",
    "1e20": "quantity_too_large",
    "1e15": "quantity_too_large",
    "-1e15": "quantity_too_large",
    "9007199254740993": "quantity_too_large",
    "99999999999999999999.999999999999999999": "quantity_too_large",
}
SHAPES = [
    '{{"id":"{id}","org":"{id}","gb":{q},"ts":"2026-10-05T10:00:00Z"}}',
    '{{"id": "{id}", "org": "{id}", "ts": "2026-10-05T10:00:00Z", "gb": {q}}}',
    '{{"gb" : {q} , "id": "{id}", "note": "gb\\u00e4", "org": "{id}", "ts": "2026-10-05T10:00:00Z"}}',
    '{{"x": {{"gb": 0.1}}, "gb":{q}, "id": "{id}", "org": "{id}", "ts": "2026-10-05T10:00:00Z"}}',
    '{{"id": "{id}", "org": "{id}", "ts": "2026-10-05T10:00:00Z", "gb": "{q}"}}',
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_json_number_keeps_every_digit(tmp_path: Path, engine: Engine, shape: str) -> None:
    world = UsageWorld(tmp_path, engine)
    # Where two literals at one key have the same double, nobody can tell from the line which one is meant.
    twins = ("0.100000000000000000000000", "0.1000000000000000055511") if '"x"' in shape else ()
    exact = [number for number in EXACT if number not in twins]
    refused = REFUSED | dict.fromkeys(twins, "quantity_ambiguous")
    world.put("edge/n.jsonl", "\n".join(shape.format(id=q, q=q) for q in [*exact, *refused]))
    world.run()
    assert {total.org_id: total.quantity for total in world.totals()} == {q: Decimal(q) for q in exact}
    assert [row.reason for row in world.lake.quarantine()] == list(refused.values())


def test_an_id_that_is_a_very_long_number_meets_no_other(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine)
    ids = ["123456789012345678901234567890", "123456789012345678901234567891", "18446744073709551615"]
    shape = '{{"id":{id},"org":"acme","gb":1,"ts":"2026-10-05T10:00:00Z"}}\n'
    world.put("edge/n.jsonl", "".join(shape.format(id=i) for i in ids))
    world.run()
    assert sorted(e.event_id for e in world.lake.events("acme", [DAY])) == sorted(ids)


numbers = st.from_regex(r"\A[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?\Z")


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(numbers, min_size=20, max_size=60))
def test_any_number_is_exact_or_refused(texts: list[str]) -> None:
    with duck(Path("/tmp"), Limits(memory="500MB", threads=1), MACROS) as connection:
        query = "select list_transform(?::varchar[], lambda each: quantity_of(each))"
        (judged,) = connection.execute(query, [texts]).fetchone() or ()
    assert dict(zip(texts, judged, strict=True)) == {text: exact_or_refused(text) for text in texts}


def test_the_plan_of_a_file_names_no_expression_again_and_again() -> None:
    """A macro is a text that is put in wherever its name stands: a few that name each other make a plan of hundreds of
    regular expressions, which takes longer than a small file."""
    with duck(Path("/tmp"), Limits(memory="500MB", threads=1), MACROS) as connection:
        query = "explain (format json) select quantity_of(t), quantity_fault(t), time_of(t) from (values ('1')) as _(t)"
        ((_, plan),) = connection.execute(query).fetchall()
    assert 10 < plan.count("regexp_") < 50


def exact_or_refused(text: str) -> Decimal | None:
    """The number, or None where it has more than 18 decimals or more than 20 digits before them."""
    value = Decimal(text)
    digits, exponent = value.as_tuple().digits, int(value.as_tuple().exponent)
    stripped = "".join(map(str, digits)).strip("0")
    low = exponent + len(digits) - len("".join(map(str, digits)).rstrip("0"))
    fits = not stripped or (low >= -18 and len(stripped) + low <= 20)
    return value if fits else None
