"""A real bill: a public sample of three clouds' usage, priced by its own list prices, compared with its own list costs.

Every row is accounted for: either quantity x list price is its list cost to the last digit, or the reason why not is
named and shown to explain the whole difference. Nothing is compared with a tolerance.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from flybill_pipeline_tests.conftest import SHARED
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill
from flybill_pipeline_tests.worlds.emulator import Emulators

SAMPLE = SHARED / "real" / "focus_sample.csv"
MONTH = "2024-09"
SOURCES = """
[[sources]]
name = "focus"
format = "csv"
files = "focus/*.csv"
dimensions = { price = "SkuPriceId", region = "RegionId" }
null_values = ["NULL"]
[sources.columns]
event_id = "Id"
org_id = "SubAccountId"
meter = "SkuId"
quantity = "PricingQuantity"
occurred_at = "ChargePeriodStart"
"""

CREDIT = "2555992"
"""AWS's promotional credit of $2.6137: a quantity of 0 and no list price. A credit is not usage: no line bills it."""

# fmt: off
PER_TEN_THOUSAND = frozenset({
    "5201819", "5224196", "5232103", "5242114", "5250559", "5256632", "5263956", "5268123",
    "5270833", "5301569", "5306314", "5317531", "5344286", "5345814", "5362899", "5378124",
    "5388996", "5391121", "5407480", "5415883", "5417344", "5432440", "5433577", "5434646",
    "5436261", "5445575", "5453136", "5453500", "5461212", "5467116", "5488176",
})
# fmt: on
"""Azure operations priced by the ten thousand: the file divides PricingQuantity by 10,000, but not its price."""

MORE_DIGITS = frozenset({"5319310"})
"""Azure's ListCost comes from the consumed quantity, of which PricingQuantity has lost the last digits."""

AWS_DECIMALS, FILE_DECIMALS = Decimal("1e-10"), Decimal("1e-11")

Row = dict[str, str]
Line = tuple[str, str, str]

pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason="the sample of real usage is not here")


def rows() -> list[Row]:
    with SAMPLE.open(newline="") as file:
        return list(csv.DictReader(file))


def line_of(row: Row) -> Line:
    """The organization, SKU and price whose line holds the row; some rows have no price id of their own."""
    return row["SubAccountId"], row["SkuId"], "" if row["SkuPriceId"] == "NULL" else row["SkuPriceId"]


def price_book(prices: dict[tuple[str, str], str]) -> str:
    """One price for every SKU and price id of the sample."""
    meters = "".join(f'[meters."{sku}"]\naggregation = "sum"\nunit = "unit"\n' for sku in {sku for sku, _ in prices})
    entries = "".join(
        f'[[prices]]\nmeter = "{sku}"\nmatch = {{ {f"price = {chr(34)}{price}{chr(34)}" if price else ""} }}\n'
        f'model = "per_unit"\nunit_amount = {amount}\n'
        for (sku, price), amount in prices.items()
    )
    return f'effective_from = 2024-09-01\ncurrency = "usd"\n{meters}{entries}'


def list_prices() -> dict[tuple[str, str], str]:
    return {line_of(row)[1:]: row["ListUnitPrice"] for row in rows() if row["Id"] != CREDIT}


@pytest.fixture(scope="module")
def bill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """September 2024, closed as far as the list prices go."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        (flybill.home / "sources.toml").write_text(SOURCES)
        flybill.prices("usd.toml", price_book(list_prices()))
        orgs = sorted({row["SubAccountId"] for row in rows()})
        flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in orgs])
        assert flybill("land", str(SAMPLE), "--source", "focus").status == 0
        closed = flybill("close", MONTH, "--json")
        assert closed.status == 1
        (held,) = closed.json()["failures"]
        credit = next(row for row in rows() if row["Id"] == CREDIT)
        assert (held["org_id"], held["code"]) == (credit["SubAccountId"], "unpriced_meter")
        assert credit["SkuId"] in held["message"]

        # What an operator does about it: the credit's SKU gets a price, of nothing, and its organization is repaired.
        flybill.prices("usd.toml", price_book({**list_prices(), line_of(credit)[1:]: "0"}))
        repaired = flybill("repair", MONTH, "--org", credit["SubAccountId"], "--json")
        assert (repaired.status, repaired.json()["failures"]) == (0, []), repaired
        assert emulator.report()["violations"] == []
        yield flybill


def lines(flybill: Flybill) -> dict[Line, Any]:
    """Line → its quantity, exact amount and rounded amount."""
    query = """
        select org_id, meter, coalesce(dimensions ->> 'price', ''), quantity, amount_minor,
               (select coalesce(sum((step ->> 'amount')::numeric), 0) from jsonb_array_elements(working) step) as exact
        from flybill.line_items where month = :month and kind = 'usage'"""
    return {(org, sku, price): found for org, sku, price, *found in flybill.sql(query, month=MONTH)}


def unexplained(row: Row) -> Decimal:
    """List cost minus quantity x list price, after proving that one of the reasons above explains all of it."""
    cost, quantity = Decimal(row["ListCost"]), Decimal(row["PricingQuantity"])
    if row["Id"] == CREDIT:
        assert (row["ChargeCategory"], row["ListUnitPrice"], quantity) == ("Credit", "NULL", Decimal(0))
        return cost
    price = Decimal(row["ListUnitPrice"])
    ours = quantity * price
    if row["Id"] in PER_TEN_THOUSAND:
        assert Decimal(row["ConsumedQuantity"]) == quantity * 10_000
        assert cost == ours * 10_000
    elif row["Id"] in MORE_DIGITS:
        assert Decimal(row["ConsumedQuantity"]).quantize(FILE_DECIMALS, ROUND_HALF_UP) == quantity
        assert cost == (Decimal(row["ConsumedQuantity"]) * price).quantize(FILE_DECIMALS, ROUND_HALF_UP)
    elif cost != ours:
        decimals = AWS_DECIMALS if row["ProviderName"] == "AWS" and cost % AWS_DECIMALS == 0 else FILE_DECIMALS
        assert cost == ours.quantize(decimals, ROUND_HALF_UP), row
    return cost - ours


def test_every_line_is_the_files_list_cost_but_for_what_is_explained_row_by_row(bill: Flybill) -> None:
    costs: dict[Line, Decimal] = defaultdict(Decimal)
    differences: dict[Line, Decimal] = defaultdict(Decimal)
    quantities: dict[Line, Decimal] = defaultdict(Decimal)
    for row in rows():
        costs[line_of(row)] += Decimal(row["ListCost"])
        differences[line_of(row)] += unexplained(row)
        quantities[line_of(row)] += Decimal(row["PricingQuantity"])
    found = lines(bill)
    assert {line: quantity for line, (quantity, _, _) in found.items()} == dict(quantities)
    assert {line: exact for line, (_, _, exact) in found.items()} == {
        line: cost - differences[line] for line, cost in costs.items()
    }


def test_half_of_the_rows_need_no_explanation(bill: Flybill) -> None:
    assert sum(unexplained(row) == 0 for row in rows()) == 509
    assert len(lines(bill)) == len({line_of(row) for row in rows()})


def test_each_line_is_rounded_once_and_each_bill_is_the_sum_of_its_lines(bill: Flybill) -> None:
    totals: dict[str, int] = defaultdict(int)
    for (org, _, _), (_, amount_minor, exact) in lines(bill).items():
        assert amount_minor == int((exact * 100).to_integral_value(ROUND_HALF_UP))
        totals[org] += amount_minor
    outcomes = bill.sql("select org_id, total_minor from flybill.outcomes where month = :month", month=MONTH)
    assert dict(outcomes) == dict(totals)
    invoices = bill.sql("select org_id, subtotal_minor from flybill.invoices where month = :month", month=MONTH)
    assert dict(invoices) == {org: total for org, total in totals.items() if total >= 50}


def test_nothing_of_the_file_is_lost(bill: Flybill) -> None:
    (file,) = bill.sql("select rows, quarantined, state from flybill.landed_files")
    assert list(file) == [1000, {}, "taken"]
    assert bill.checks()["stripe_reconciliation", "nothing_lost"] == {MONTH: True}
