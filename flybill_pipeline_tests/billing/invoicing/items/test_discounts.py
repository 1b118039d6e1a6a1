"""Discounts: percent then fixed, limited in time, distributed without losing a cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, line


def percent(value: str, name: str = "p", **more: object) -> Discount:
    return Discount(name, name, percent=Decimal(value), **more)  # type: ignore[arg-type]


def fixed(minor: int, name: str = "f", **more: object) -> Discount:
    return Discount(name, name, amount_minor=minor, currency="usd", **more)  # type: ignore[arg-type]


def _off(lines: list[LineItem], *discounts: Discount) -> list[int]:
    return [each.amount_minor for each in discount_lines(lines, discounts, "usd", OCTOBER)]


def test_percentages_go_first_one_on_what_the_other_left_then_fixed_amounts() -> None:
    hundred = [line(10000)]
    assert _off(hundred, percent("10", "a"), percent("25", "b")) == [-1000, -2250]
    assert _off(hundred, fixed(5000), percent("10")) == [-1000, -5000]
    assert _off(hundred, fixed(50000)) == [-10000]
    assert _off(hundred, percent("100"), fixed(1)) == [-10000]


def test_a_discount_may_be_for_some_meters_only() -> None:
    lines = [line(1000, "bandwidth"), line(4000, "seconds")]
    assert _off(lines, percent("50", meters=frozenset({"seconds"}))) == [-2000]
    assert _off(lines, fixed(9999, meters=frozenset({"bandwidth"}))) == [-1000]
    assert _off(lines, percent("50", meters=frozenset({"watts"}))) == []


def test_a_discount_has_its_time() -> None:
    lines = [line(1000)]
    assert _off(lines, percent("10", start=OCTOBER, end=OCTOBER.next())) == [-100]
    assert _off(lines, percent("10", start=OCTOBER.next())) == []
    assert _off(lines, percent("10", end=OCTOBER)) == []


def test_another_currency_or_nothing_to_pay_is_no_discount() -> None:
    assert _off([line(1000)], Discount("e", "e", amount_minor=100, currency="eur")) == []
    assert _off([line(-1000)], percent("10"), fixed(10)) == []
    assert _off([], percent("10")) == []


def test_the_working_says_what_it_takes_off_each_line() -> None:
    lines = [line(333, "a"), line(333, "b"), line(334, "c")]
    (made,) = discount_lines(lines, [fixed(100)], "usd", OCTOBER)
    assert [(step.note, step.amount) for step in made.working] == [
        (lines[0].line_id, Decimal("-0.33")),
        (lines[1].line_id, Decimal("-0.34")),
        (lines[2].line_id, Decimal("-0.33")),
    ]
    assert made.description == "f: $1.00 off"


def test_a_percentage_is_rounded_once_to_what_the_currency_has() -> None:
    lines = [line(1000, currency="jpy")]
    (made,) = discount_lines(lines, [percent("33.333")], "jpy", OCTOBER)
    assert made.amount_minor == -333


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"percent": Decimal(10), "amount_minor": 1},
        {"percent": Decimal(101)},
        {"amount_minor": -1, "currency": "usd"},
        {"amount_minor": 1},
    ],
)
def test_a_discount_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="discount 'd'"):
        Discount("d", "d", **wrong)  # type: ignore[arg-type]


DISCOUNTS = st.lists(
    st.one_of(
        st.builds(percent, st.decimals(0, 100, places=3).map(str), st.text("abc", min_size=1)),
        st.builds(fixed, st.integers(0, 10**6), st.text("def", min_size=1)),
        st.builds(fixed, st.integers(0, 10**6), st.text("ghi", min_size=1), meters=st.just(frozenset({"x"}))),
    ),
    max_size=5,
)


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 10**6)), max_size=6, unique_by=lambda pair: pair[0]),
    DISCOUNTS,
)
def test_no_discount_takes_more_than_there_is_and_each_sums_to_its_shares(
    amounts: list[tuple[str, int]], discounts: list[Discount]
) -> None:
    lines = [line(amount, name) for name, amount in amounts]
    made = discount_lines(lines, discounts, "usd", OCTOBER)
    assert total_minor(lines) + total_minor(made) >= 0
    left = {each.line_id: each.amount_minor for each in lines}
    for each in made:
        assert sum(to_minor(step.amount, "usd") for step in each.working) == each.amount_minor
        for step in each.working:
            left[step.note or ""] += to_minor(step.amount, "usd")
    assert all(amount >= 0 for amount in left.values())
