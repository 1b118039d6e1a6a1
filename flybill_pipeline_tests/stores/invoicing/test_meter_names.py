"""The meters that a discount names are the same from the file to the line that it takes something off."""

import json
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.invoicing.meter_names import meters_text, read_meters, stored_meters
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld

OCTOBER = Month(2026, 10)
KNOWN = {"api calls", "bandwidth", "a,b", "disk"}
NAMES = st.frozensets(
    st.text('ab ,[]"\\', min_size=1).filter(lambda name: name.strip() == name), min_size=1, max_size=4
)


@given(NAMES)
def test_any_names_are_read_and_stored_as_they_are(names: frozenset[str]) -> None:
    assert read_meters(json.dumps(sorted(names)), names) == names
    assert stored_meters(meters_text(names)) == names
    for name in names:
        if not name.startswith("["):
            assert read_meters(name, names) == {name}


@pytest.mark.parametrize(
    ("text", "known", "names"),
    [
        ("api calls", KNOWN, {"api calls"}),
        ("bandwidth, api calls", KNOWN, {"bandwidth", "api calls"}),
        ("bandwidth disk", KNOWN, {"bandwidth", "disk"}),
        ("bandwidth,disk", KNOWN, {"bandwidth", "disk"}),
        ("a,b", KNOWN, {"a,b"}),
        ('["a,b", "disk"]', KNOWN, {"a,b", "disk"}),
        ("api calls", None, {"api", "calls"}),
        ("", KNOWN, set()),
    ],
)
def test_a_name_may_hold_what_stands_between_names(text: str, known: Collection[str] | None, names: set[str]) -> None:
    assert read_meters(text, known) == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("api", "meter 'api' is in no price book"),
        ("disk calls", "meter 'calls' is in no price book"),
        ("[disk", "is not a list of names"),
        ("[1]", "is not a list of names"),
    ],
)
def test_a_meter_that_nothing_is_priced_by_is_refused(text: str, says: str) -> None:
    with pytest.raises(RowFaultError, match=says):
        read_meters(text, KNOWN)


def test_what_was_stored_before_there_were_lists_is_read_as_then() -> None:
    assert stored_meters("a b") == {"a", "b"}
    assert stored_meters('["a" "b"]') == {'["a"', '"b"]'}


@pytest.mark.parametrize(("name", "meters"), [("i.csv", "api calls"), ("i.json", ["api calls"])])
def test_a_discount_takes_off_a_meter_with_a_blank_in_its_name(
    engine: Engine, tmp_path: Path, name: str, meters: str | list[str]
) -> None:
    world = BillingWorld(engine, (book(per_unit("0.01", "api calls")),))
    world.org("acme")
    row = {"item_id": "half", "kind": "discount", "org_id": "acme", "name": "half", "percent": "50", "meters": meters}
    file = tmp_path / name
    rows = f"{','.join(row)}\n{','.join(map(str, row.values()))}\n"
    file.write_text(json.dumps([row]) if name.endswith("json") else rows)
    world.items.save(file, read_items(file, meters=lambda: {"api calls"}))
    world.usage.add(OCTOBER, "acme", 1000, "api calls")
    world.close(OCTOBER)
    assert [amount for _, _, amount, _ in world.lines(OCTOBER, "acme")] == [1000, -500]
    with pytest.raises(ImportRefusedError, match=r"row [12]: meter 'api( calls)?' is in no price book"):
        read_items(file, meters=lambda: {"disk"})
