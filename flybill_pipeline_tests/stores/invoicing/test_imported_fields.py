"""Whatever stands in a field of an imported file: its row is refused with a reason, or every store keeps it."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.usage.quantities import read_quantity
from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError, read_moment, read_number
from flybill_pipeline.stores.invoicing.items_file import KINDS, read_items
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.stores.invoicing.organizations_file import READERS, read_organizations
from flybill_pipeline_tests.billing.pricing.books import book, tier
from flybill_pipeline_tests.worlds.billing import BillingWorld

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OCT = Month(2026, 10)
TEXTS = ["\0", "a\0b", "x" * 501, "漢" * 3000, "x" * 6000, "\\u0000", "é🙂", "'", "-0"]
TIMES = ["9999-12", "9998-12", "0001-01", "10000-01", "9999-12-31", "0001-01-01", "10000-01-01", "2026-13", "20261001"]
TIMES += ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "2026-10-01T24:00:00Z", "2000-01-01", "1999-12-31"]
NUMBERS = ["1e30", "1e-30", "1e-400", "1e999999999", "1e9999999999999999999", "-1e15", "999999999999999.99", "9" * 5000]
NUMBERS += [
    "NaN",
    "sNaN",
    "-Infinity",
    "1_000",
    "\u0661\u0662",
    "\uff11\uff12",
    "0.0000000000000000001",
    "1000000000000000",
]
ODD = TEXTS + TIMES + NUMBERS
ITEMS: dict[str, dict[str, str]] = {
    "subscription": {"amount": "5", "currency": "usd", "start": "2026-10-01"},
    "one_off": {"amount": "5", "currency": "usd", "month": "2026-10"},
    "credit": {"amount": "5", "currency": "usd", "start": "2026-10-01"},
    "discount": {"percent": "5"},
}
ORG = {"org_id": "acme", "name": "Acme", "currency": "usd"}


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine, (book(Price("seconds", models.GRADUATED, tiers=(tier(None, "1"),))),))
    made.org("acme")
    return made


def odd_items() -> Iterator[dict[str, str]]:
    """Every odd text in every column of every kind; in JSON half a character can be written, too."""
    numbers = count()
    for kind, given in ITEMS.items():
        required, optional = KINDS[kind]
        for column in ("item_id", "org_id", "name", *required, *optional):
            for odd in [*ODD, "\ud800"]:
                row = {"item_id": f"item{next(numbers)}", "kind": kind, "org_id": "acme", "name": "x"}
                yield row | given | {column: odd}


def odd_orgs() -> Iterator[dict[str, str]]:
    numbers = count()
    needs = {"contract": {"contract_from": "2026-10-01"}, "contract_from": {"contract": "c"}}
    needs["contract_until"] = {"contract": "c", "contract_from": "2026-10-01"}
    for column in READERS:
        for odd in ODD:
            yield ORG | {"org_id": f"org{next(numbers)}"} | needs.get(column, {}) | {column: odd}


def as_csv(file: Path, *rows: dict[str, Any]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_an_item_is_refused_by_its_row_or_kept_and_billed(world: BillingWorld, tmp_path: Path) -> None:
    file, kept = tmp_path / "items.json", 0
    for row in odd_items():
        file.write_text(json.dumps([row]))
        try:
            kept += world.items.save(file, read_items(file))[0]
        except ImportRefusedError as refusal:
            assert "row 1" in str(refusal)
    assert kept > 50
    assert sum(world.close(OCT).outcomes.values()) == 1


def test_an_organization_is_refused_by_its_row_or_kept_and_billed(world: BillingWorld, tmp_path: Path) -> None:
    file, kept = tmp_path / "orgs.csv", 0
    for row in odd_orgs():
        try:
            orgs = read_organizations(as_csv(file, row))
            kept += world.organizations.save(orgs, NOW)[0]
        except ImportRefusedError as refusal:
            assert "row 2" in str(refusal)
    assert kept > 50
    assert sum(world.close(OCT).outcomes.values()) == kept + 1


@pytest.mark.parametrize("text", ["2026-12", "2026-12-01", "2026-12-01T00:00:00Z"])
def test_a_month_can_be_written_as_a_month(tmp_path: Path, text: str) -> None:
    (read,) = read_organizations(as_csv(tmp_path / "orgs.csv", ORG | {"currency_from": text}))
    assert read.terms.currency_from == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("org_id", "a\0b", "org_id holds a NUL"),
        ("org_id", "x" * 501, "org_id has 501 characters, and 500 is the most"),
        ("email", f"{'x' * 510}@x", None),
        ("email", f"{'x' * 511}@x", "email has 513 characters, and 512 is the most"),
        ("name", "N" * 256, None),
        ("name", "N" * 257, "name has 257 characters, and 256 is the most"),
        ("contract_until", "9999-12-31", "write a year from 2000 to 9998, or nothing where there is no end"),
        ("currency_from", "9999-12-01", "write a year from 2000 to 9998"),
    ],
)
def test_what_an_organization_may_have(tmp_path: Path, column: str, text: str, says: str | None) -> None:
    terms = {"contract": "c", "contract_from": "2026-10-01"} if column == "contract_until" else {}
    file = as_csv(tmp_path / "orgs.csv", ORG | terms | {column: text})
    if says is None:
        assert read_organizations(file)[0].columns[column] == text
    else:
        with pytest.raises(ImportRefusedError, match=f"row 2: .*{says}"):
            read_organizations(file)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "org_id,name,currency,name\na,A,usd,B\n", "row 1: column 'name' stands twice"),
        (
            "a.csv",
            f'org_id,name,currency\na,A,usd\nb,"{"x" * 200_000}",usd\n',
            "row 3: name has 200,000 characters, and 5,000",
        ),
        ("a.csv", 'org_id,name,currency\na,"A"x,usd\n', "row 2: cannot be read as CSV"),
        ("a.csv", "org_id;name;currency\na;A;usd\n", "row 1: the columns have ';' between them: save it with commas"),
        ("a.csv", "org_id\tname\tcurrency\n", "row 1: the columns have tab characters between them"),
        ("a.csv", "org_id,name,currency;more\n", "row 1: column currency is missing"),
        ("a.csv", b"\xff\xfe", "a.csv: row 1: cannot be read as CSV in UTF-8"),
        ("a.json", '[{"item_id": "a", "item_id": "b"}]', "'item_id' stands twice"),
    ],
)
def test_a_file_that_says_a_thing_twice_or_not_at_all(
    tmp_path: Path, name: str, content: str | bytes, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ImportRefusedError, match=says):
        read_items(file) if name.endswith("json") else read_organizations(file)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e3", "1000"), ("1E+3", "1000"), ("12.50", "12.5"), ("+5", "5"), (".5", "0.5"), ("5.", "5"), ("1e-18", "1e-18")],
)
def test_a_number_is_read_as_usage_reads_it(text: str, number: str) -> None:
    assert read_number("amount", text) == Decimal(number) == read_quantity(text)


@pytest.mark.parametrize("value", ["1e3", "1000.0", "1000"])
def test_a_number_of_json_is_the_number_however_it_is_written(tmp_path: Path, value: str) -> None:
    file = tmp_path / "items.json"
    file.write_text(json.dumps([{"item_id": "a", "org_id": "acme", "name": "a", "kind": "one_off"} | ITEMS["one_off"]]))
    file.write_text(file.read_text().replace('"amount": "5"', f'"amount": {value}'))
    assert read_items(file)[0].content["amount"] == "1000"


@pytest.mark.parametrize(
    "text", ["2026-08-01", "2026-08-01T00:00:00Z", "2026-08-01T00:00:00z", "2026-08-01t00:00:00z", "2026-08-01 00:00Z"]
)
def test_a_time_is_read_as_usage_reads_it(text: str) -> None:
    assert read_moment(text) == datetime(2026, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("20260801", "is not a time: write 2026-10-01 or 2026-10-01T12:00:00Z"),
        ("2026-W31", "is not a time: write 2026-10-01 or 2026-10-01T12:00:00Z"),
        ("2026-08-01T00:00:00+02:60", "is not a time"),
        ("2026-08-01T00:00:00-0275", "is not a time"),
        ("2026-08-01T00:00:00+99:00", "is not a time"),
        ("2026-08-32", "is not a time"),
        ("2026-08-01T00:00:00", "has no time zone: write 2026-08-01T00:00:00Z for UTC"),
    ],
)
def test_what_a_refused_time_is_told_to_write_can_be_read(text: str, says: str) -> None:
    with pytest.raises(RowFaultError) as refused:
        read_moment(text)
    assert says in str(refused.value)
    told = re.search(r"write (\S+)", str(refused.value))
    assert told is not None
    assert read_moment(told[1]).tzinfo is UTC


@pytest.mark.parametrize("name", ["amount", "percent"])
def test_a_number_that_is_too_large_is_told_to_be_smaller(name: str) -> None:
    """Neither money nor a percent has a larger unit."""
    with pytest.raises(RowFaultError, match=f"^{name} '1e400' is 1e15 or more: write a smaller number$"):
        read_number(name, "1e400")
