"""From usage totals to lines: which price, which line, what could not be priced."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.line_items import line_id, total_minor
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.rating import rate
from flybill_pipeline.billing.pricing.usage_lines import price_usage
from flybill_pipeline.billing.usage.totals import UsageTotal
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, tier, used

GRADUATED = Price("seconds", models.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")))
BY_REGION = replace(GRADUATED, group_by=("region",))


def test_tiers_see_all_usage_that_a_price_matches() -> None:
    totals = [used("60", day=1, size="a"), used("60", day=2, size="b"), used("30", day=2, size="a")]
    (line,) = price_usage(book(GRADUATED), None, totals, OCTOBER).lines
    assert (line.quantity, line.amount, line.amount_minor) == (Decimal(150), Decimal(125), 12500)
    assert (line.kind, line.meter, line.dimensions, line.unit, line.currency) == (
        "usage",
        "seconds",
        {},
        "second",
        "usd",
    )
    assert line.service_month == OCTOBER


def test_group_by_gives_each_value_a_line_and_tiers_of_its_own() -> None:
    totals = [used("150", region="x"), used("150", region="y", size="a"), used("10")]
    lines = price_usage(book(BY_REGION), None, totals, OCTOBER).lines
    assert [(line.dimensions, line.amount_minor) for line in lines] == [
        ({"region": ""}, 1000),
        ({"region": "x"}, 12500),
        ({"region": "y"}, 12500),
    ]
    assert [line.description for line in lines[:2]] == [
        "seconds · 10 seconds in graduated tiers",
        "seconds · x · 150 seconds in graduated tiers",
    ]


def test_a_line_is_rounded_once() -> None:
    totals = [used("1", day=day) for day in range(1, 11)]
    (line,) = price_usage(book(per_unit("0.0005")), None, totals, OCTOBER).lines
    assert (line.amount, line.amount_minor) == (Decimal("0.005"), 1)


def test_free_usage_is_kept_and_explained() -> None:
    (line,) = price_usage(book(replace(per_unit("1"), free_units=Decimal(1000))), None, [used("10")], OCTOBER).lines
    assert line.amount_minor == 0
    assert line.description == "seconds · 10 seconds @ $1.00, first 1,000 free"
    assert [step.step for step in line.working] == ["free_units"]


def test_usage_without_a_price_is_handed_back_not_dropped() -> None:
    prices = book(per_unit("1", match={"size": "a"}))
    totals = [used("1", size="a"), used("2", day=1, size="b"), used("3", day=2, size="b"), used("4", meter="watts")]
    priced = price_usage(prices, None, totals, OCTOBER)
    assert [line.quantity for line in priced.lines] == [Decimal(1)]
    assert [(u.code, u.meter, u.dimensions, u.quantity) for u in priced.unpriced] == [
        ("unpriced_meter", "seconds", {"size": "b"}, Decimal(5)),
        ("unpriced_meter", "watts", {}, Decimal(4)),
    ]
    assert "no price for 'seconds' with size=b" in priced.unpriced[0].message
    assert "does not know the meter 'watts'" in priced.unpriced[1].message


def test_an_unknown_contract_prices_nothing() -> None:
    priced = price_usage(book(per_unit("1"), contracts={"acme": ()}), "acmee", [used("1")], OCTOBER)
    assert priced.lines == ()
    assert [u.code for u in priced.unpriced] == ["unknown_contract"]
    assert "'acmee' (it has: acme)" in priced.unpriced[0].message


def test_a_contracts_minimum_is_due_without_usage_and_only_once_with_it() -> None:
    own = replace(per_unit("2", match={"size": "a"}), minimum_spend=Decimal(100), contract="acme")
    prices = book(per_unit("1"), contracts={"acme": (own,)})
    (line,) = price_usage(prices, "acme", [], OCTOBER).lines
    assert (line.quantity, line.amount_minor, line.dimensions) == (Decimal(0), 10000, {"size": "a"})
    assert "raised to the minimum of $100.00" in line.description
    (line,) = price_usage(prices, "acme", [used("10", size="a")], OCTOBER).lines
    assert line.amount_minor == 10000
    assert price_usage(prices, None, [], OCTOBER).lines == ()


def test_a_line_keeps_its_id_when_priced_again_and_shares_it_with_no_other() -> None:
    totals = [used("150", region="x"), used("150", region="y"), used("5", meter="minutes")]
    prices = book(BY_REGION, per_unit("1", meter="minutes"))
    first = price_usage(prices, None, totals, OCTOBER).lines
    again = price_usage(prices, None, [*reversed(totals), used("1", region="x", day=3)], OCTOBER).lines
    november = price_usage(prices, None, totals, OCTOBER.next()).lines
    assert [line.line_id for line in first] == [line.line_id for line in again]
    assert len({line.line_id for line in (*first, *november)}) == 6


def test_a_line_id_does_not_depend_on_the_process() -> None:
    assert line_id("usage", Month(2026, 10), "m", {"a": "b"}) == "542e373693642f3991e6ec64"


@pytest.mark.parametrize(
    ("price", "quantity", "text"),
    [
        (per_unit("0.0000022", match={"size": "a"}), "1440000", "seconds · a · 1,440,000 seconds @ $0.0000022"),
        (per_unit("2"), "1", "seconds · 1 second @ $2.00"),
        (GRADUATED, "0.5", "seconds · 0.5 seconds in graduated tiers"),
        (
            Price("seconds", models.PACKAGE, package_size=Decimal(1000), unit_amount=Decimal("0.5")),
            "1500",
            "seconds · 1,500 seconds in packages of 1,000 @ $0.50",
        ),
        (Price("seconds", models.PERCENTAGE, rate=Decimal("0.029")), "100", "seconds · 100 seconds @ 2.9 %"),
        (
            Price("seconds", models.FLAT, unit_amount=Decimal(25), maximum_spend=Decimal(20)),
            "3",
            "seconds · 3 seconds, $25.00 flat, limited to the maximum of $20.00",
        ),
    ],
)
def test_descriptions_are_plain_words(price: Price, quantity: str, text: str) -> None:
    (line,) = price_usage(book(price), None, [used(quantity, size="a")], OCTOBER).lines
    assert line.description == text


TOTALS = st.lists(
    st.builds(
        used,
        st.decimals(min_value=-1000, max_value=10**12, places=18).map(str),
        day=st.integers(1, 31),
        region=st.sampled_from("xyz"),
        size=st.sampled_from("ab"),
    ),
    max_size=12,
)


@given(TOTALS)
def test_every_quantity_is_in_exactly_one_line_in_whatever_order(totals: list[UsageTotal]) -> None:
    """Or in what no invoice can hold: some of these months come to more than a line may."""
    prices = book(BY_REGION, per_unit("3", match={"size": "b"}))
    priced = price_usage(prices, None, totals, OCTOBER)
    with exact():
        left_out = sum(usage.quantity for usage in priced.unpriced)
        assert sum(line.quantity for line in priced.lines) + left_out == sum(total.quantity for total in totals)
    assert {usage.code for usage in priced.unpriced} <= {"too_large"}
    assert price_usage(prices, None, sorted(totals, key=lambda total: total.quantity), OCTOBER) == priced
    assert total_minor(priced.lines) == sum(line.amount_minor for line in priced.lines)


@given(TOTALS)
def test_grouped_lines_are_rated_as_if_each_value_were_alone(totals: list[UsageTotal]) -> None:
    lines = price_usage(book(BY_REGION), None, totals, OCTOBER).lines
    for line in lines:
        alone = [total for total in totals if total.dimensions["region"] == line.dimensions["region"]]
        (expected,) = price_usage(book(GRADUATED), None, alone, OCTOBER).lines
        assert (line.amount, line.quantity) == (expected.amount, expected.quantity)
        assert rate(GRADUATED, line.quantity).amount == line.amount
