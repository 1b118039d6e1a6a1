"""Minimum and maximum of a month whose parts have different ones, or none."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.limits import PricedPart, limit_steps
from flybill_pipeline.billing.pricing.stretches import Share
from flybill_pipeline_tests.billing.pricing.books import per_unit

AMOUNT = st.integers(-5_000, 20_000).map(lambda cents: Decimal(cents).scaleb(-2))
LIMIT = st.one_of(st.none(), st.integers(0, 20_000).map(lambda cents: Decimal(cents).scaleb(-2)))


def part(amount: Decimal, low: Decimal | None, high: Decimal | None, contract: str | None) -> PricedPart:
    price = replace(per_unit("1"), minimum_spend=low, maximum_spend=high, contract=contract)
    return PricedPart(price, Share(10, 30), amount, amount)


PARTS = st.lists(st.builds(part, AMOUNT, LIMIT, LIMIT, st.sampled_from([None, "c"])), min_size=1, max_size=3)


def limited(parts: Sequence[PricedPart]) -> list[Decimal]:
    with exact():
        steps = limit_steps(parts)
        return [each.amount + sum((step.amount for step in own), ZERO) for each, own in zip(parts, steps, strict=True)]


def without_minimum(parts: Sequence[PricedPart]) -> list[PricedPart]:
    return [each._replace(price=replace(each.price, minimum_spend=None)) for each in parts]


@given(PARTS)
def test_a_month_that_is_used_never_costs_less_than_its_minimum(parts: list[PricedPart]) -> None:
    with exact():
        minimum = sum((each.share.of(each.price.minimum_spend or ZERO) for each in parts), ZERO)
        if minimum and sum((each.quantity for each in parts), ZERO) > 0:
            assert sum(limited(parts), ZERO) >= minimum


@given(PARTS)
def test_a_maximum_limits_the_days_that_have_it_and_no_others(parts: list[PricedPart]) -> None:
    parts = without_minimum(parts)
    capped = [each for each in parts if each.price.maximum_spend is not None]
    amounts = limited(parts)
    with exact():
        maximum = sum((each.share.of(each.price.maximum_spend or ZERO) for each in capped), ZERO)
        capped_amounts = [
            amount for amount, each in zip(amounts, parts, strict=True) if each.price.maximum_spend is not None
        ]
        assert abs(sum(capped_amounts, ZERO)) <= maximum
    assert capped_amounts == limited(capped)
    for amount, each in zip(amounts, parts, strict=True):
        assert each.price.maximum_spend is not None or amount == each.amount
