"""Every price model: the peers' cases, and properties that hold for any quantity."""

import csv
import json
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import Price, Tier
from flybill_pipeline.billing.pricing.rating import rate
from flybill_pipeline.billing.pricing.working import working_data
from flybill_pipeline_tests.billing.pricing.any_price import AMOUNT, QUANTITY, prices, tiers
from flybill_pipeline_tests.billing.pricing.books import per_unit, tier
from flybill_pipeline_tests.conftest import SHARED

CASES = SHARED / "cases" / "pricing.json"
GRADUATED = Price("m", models.GRADUATED, tiers=(tier("10", "10", "2"), tier("20", "5", "3"), tier(None, "5", "3")))
VOLUME = Price("m", models.VOLUME, tiers=(tier("10", "5", "100"), tier(None, "2", "50")))
PACKAGE = Price("m", models.PACKAGE, package_size=Decimal(100), unit_amount=Decimal("2.95"))


def _cases() -> list[dict[str, Any]]:
    return json.loads(CASES.read_text()) if CASES.exists() else []


def _price(case: dict[str, Any]) -> Price:
    """The price of a case: every value of it is text, under the names of a price book."""
    fields = dict(case["price"])
    tiers = tuple(tier(t.get("up_to"), t["unit_amount"], t["flat_amount"]) for t in fields.pop("tiers", ()))
    amounts: dict[str, Any] = {name: Decimal(value) for name, value in fields.items() if name != "model"}
    return Price("m", models.MODELS[fields["model"]], tiers=tiers, **amounts)


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_other_billing_systems_agree(case: dict[str, Any]) -> None:
    assert rate(_price(case), Decimal(case["quantity"])).amount == Decimal(case["expected_amount"])


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        (GRADUATED, "0", "0"),  # no flat fee without usage
        (VOLUME, "0", "0"),
        (GRADUATED, "10", "102"),
        (GRADUATED, "10.0001", "105.0005"),
        (VOLUME, "10", "150"),
        (VOLUME, "10.5", "71"),
        (PACKAGE, "0", "0"),
        (PACKAGE, "0.01", "2.95"),
        (PACKAGE, "100", "2.95"),
        (PACKAGE, "100.000000000000000001", "5.90"),
        (replace(PACKAGE, package_size=Decimal(10), unit_amount=Decimal(100), free_units=Decimal(10)), "121", "1200"),
        (replace(per_unit("2"), free_units=Decimal(10)), "10", "0"),
        (replace(per_unit("2"), free_units=Decimal(10)), "10.5", "1.0"),
        (replace(GRADUATED, free_units=Decimal(5)), "5", "0"),  # all of it free: no tier is entered
        (replace(GRADUATED, free_units=Decimal(5)), "6", "12"),  # tiers begin after the free units
        (Price("m", models.PERCENTAGE, rate=Decimal("0.029")), "100", "2.9"),
        (Price("m", models.FLAT, unit_amount=Decimal(25)), "3.7", "25"),
        (Price("m", models.FLAT, unit_amount=Decimal(25)), "0", "0"),
    ],
)
def test_models_at_their_edges(price: Price, quantity: str, amount: str) -> None:
    assert rate(price, Decimal(quantity)).amount == Decimal(amount)


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        (per_unit("0.5"), "-3", "-1.5"),
        (replace(per_unit("1"), free_units=Decimal(2)), "-3", "-1"),
        (GRADUATED, "-12", "-110"),  # as 12, without the flat fees
        (VOLUME, "-12", "-24"),
        (PACKAGE, "-101", "-5.90"),
        (Price("m", models.FLAT, unit_amount=Decimal(25)), "-1", "0"),
        (replace(per_unit("1"), maximum_spend=Decimal(2)), "-3", "-2"),
        (replace(per_unit("1"), minimum_spend=Decimal(2)), "-3", "-3"),
        (replace(per_unit("1"), minimum_spend=Decimal(2), contract="acme"), "-3", "2"),
    ],
)
def test_net_corrections_are_credited_without_fixed_amounts(price: Price, quantity: str, amount: str) -> None:
    assert rate(price, Decimal(quantity)).amount == Decimal(amount)


@pytest.mark.parametrize(
    ("quantity", "contract", "amount"),
    [
        ("0", None, "0"),
        ("0", "acme", "10"),
        ("1", None, "10"),
        ("5", None, "10"),
        ("7", None, "14"),
        ("50", None, "30"),
    ],
)
def test_minimum_and_maximum_spend(quantity: str, contract: str | None, amount: str) -> None:
    price = replace(per_unit("2"), minimum_spend=Decimal(10), maximum_spend=Decimal(30), contract=contract)
    assert rate(price, Decimal(quantity)).amount == Decimal(amount)


def test_the_working_explains_every_step() -> None:
    price = replace(GRADUATED, free_units=Decimal(5), minimum_spend=Decimal(200))
    free, first, second, minimum = working_data(rate(price, Decimal("17.5")).working)
    assert free == {"step": "free_units", "amount": "0", "quantity": "5", "limit": "5"}
    assert first == {
        "step": "tier",
        "amount": "102",
        "quantity": "10",
        "unit_amount": "10",
        "flat_amount": "2",
        "from": "0",
        "up_to": "10",
    }
    assert (second["from"], second["up_to"], second["quantity"], second["amount"]) == ("10", "20", "2.5", "15.5")
    assert minimum == {"step": "minimum_spend", "amount": "82.5", "limit": "200"}


def test_the_working_is_json_without_exponents() -> None:
    text = json.dumps(working_data(rate(per_unit("0.0000001"), Decimal("1E+3")).working))
    assert '"unit_amount": "0.0000001"' in text
    assert '"quantity": "1000"' in text


# Properties: what holds for every price and quantity.


@given(prices(), QUANTITY, st.booleans())
def test_the_working_sums_to_the_amount(price: Price, quantity: Decimal, negative: bool) -> None:
    with exact():
        rated = rate(price, -quantity if negative else quantity)
        assert sum((step.amount for step in rated.working), ZERO) == rated.amount


@given(prices(), QUANTITY)
def test_no_usage_is_lost_in_the_working(price: Price, quantity: Decimal) -> None:
    assume(price.model is not models.PACKAGE)
    with exact():
        assert sum((step.quantity or ZERO for step in rate(price, quantity).working), ZERO) == quantity


@given(tiers(), QUANTITY, QUANTITY)
def test_graduated_never_falls_as_usage_grows(some: tuple[Tier, ...], one: Decimal, other: Decimal) -> None:
    price = Price("m", models.GRADUATED, tiers=some)
    low, high = sorted([one, other])
    assert rate(price, low).amount <= rate(price, high).amount


@given(tiers(flat_fees=False))
def test_graduated_has_no_jump_where_a_tier_ends(some: tuple[Tier, ...]) -> None:
    price, sliver = Price("m", models.GRADUATED, tiers=some), Decimal("1E-18")
    for ended, entered in pairwise(some):
        assert ended.up_to is not None
        with exact():
            step = rate(price, ended.up_to + sliver).amount - rate(price, ended.up_to).amount
            assert step == sliver * entered.unit_amount


@given(tiers(), st.one_of(st.integers(1, 40).map(Decimal), QUANTITY))
def test_volume_prices_all_at_the_one_tier_that_holds_it(some: tuple[Tier, ...], quantity: Decimal) -> None:
    assume(quantity > 0)
    (step,) = rate(Price("m", models.VOLUME, tiers=some), quantity).working
    assert (step.from_quantity or ZERO) < quantity
    assert step.up_to is None or quantity <= step.up_to


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=18), AMOUNT)
def test_per_unit_keeps_every_digit(quantity: Decimal, unit_amount: Decimal) -> None:
    amount = rate(Price("m", models.PER_UNIT, unit_amount=unit_amount), quantity).amount
    ten = 10**30  # compare as integers, which cannot round
    with exact():
        assert int(amount * ten) == int(quantity * 10**18) * int(unit_amount * 10**9) * 1000


@given(prices([models.PER_UNIT, models.PERCENTAGE, models.PACKAGE]), QUANTITY)
def test_without_fixed_amounts_a_correction_mirrors_usage(price: Price, quantity: Decimal) -> None:
    mirrored = replace(price, minimum_spend=None)
    with exact():
        assert rate(mirrored, -quantity).amount == -rate(mirrored, quantity).amount


@given(prices(), QUANTITY)
def test_limits_hold(price: Price, quantity: Decimal) -> None:
    amount = rate(price, quantity).amount
    if price.maximum_spend is not None:
        assert amount <= price.maximum_spend
    if price.minimum_spend is not None and (quantity > 0 or price.contract):
        assert amount >= price.minimum_spend


FOCUS = SHARED / "real" / "focus_sample.csv"


@pytest.mark.skipif(not FOCUS.exists(), reason="the shared sample is not here")
def test_real_clouds_list_costs_come_out_to_the_cent() -> None:
    with FOCUS.open(encoding="utf-8", newline="") as file:
        priced = [
            row
            for row in csv.DictReader(file)
            if _is_number(row["ListUnitPrice"]) and _is_number(row["PricingQuantity"])
        ]
    assert len(priced) > 900
    for row in priced:
        amount = rate(per_unit(row["ListUnitPrice"]), Decimal(row["PricingQuantity"])).amount
        assert to_minor(amount, row["BillingCurrency"]) == to_minor(Decimal(row["ListCost"]), row["BillingCurrency"]), (
            row["Id"]
        )


def _is_number(text: str) -> bool:
    return text not in {"", "NULL"}
