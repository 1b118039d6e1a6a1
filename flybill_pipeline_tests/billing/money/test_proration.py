"""Shares of a month, whose parts sum to the whole."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.currencies import CURRENCIES
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.money.proration import distribute, overlap, prorate
from flybill_pipeline_tests.billing.pricing.books import OCTOBER

SEPTEMBER = Month(2026, 9)


def _at(day: int, month: int = 9, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "month", "start", "end", "due"),
    [
        (2900, SEPTEMBER, _at(16), _at(1, 10), 1450),  # a $29 plan for half of September
        (3100, OCTOBER, _at(8, 10), _at(1, 11), 2400),
        (3100, OCTOBER, _at(1, 10), _at(15, 10), 1400),
        (3000, SEPTEMBER, _at(1, 8), _at(1, 12), 3000),
        (3000, SEPTEMBER, _at(1, 10), _at(2, 10), 0),
        (-3000, SEPTEMBER, _at(1), _at(11), -1000),
        (720, SEPTEMBER, _at(3, hour=7), _at(3, hour=8), 1),
    ],
)
def test_active_time_over_the_time_of_the_month(
    amount: int, month: Month, start: datetime, end: datetime, due: int
) -> None:
    assert prorate(amount, "usd", month, start, end) == due


CUTS = st.lists(st.integers(0, 31 * 86400 * 1000), max_size=6)


@given(st.integers(-(10**12), 10**12), CUTS, st.sampled_from(["usd", "jpy", "kwd", "isk"]))
def test_the_parts_of_a_month_sum_to_the_whole(steps: int, cuts: list[int], currency: str) -> None:
    amount = steps * CURRENCIES[currency].step
    moments = [OCTOBER.start + timedelta(milliseconds=cut) for cut in sorted(cuts)]
    bounds = [OCTOBER.start, *moments, OCTOBER.end]
    parts = [prorate(amount, currency, OCTOBER, *pair) for pair in pairwise(bounds)]
    assert sum(parts) == amount
    assert all(part % CURRENCIES[currency].step == 0 for part in parts)
    assert all(part * amount >= 0 for part in parts)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1).filter(any))
def test_a_distribution_keeps_the_sum_and_the_proportions(amount: int, weights: list[int]) -> None:
    parts = distribute(amount, weights, "usd")
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) <= sum(weights)  # less than one unit off
        assert amount > sum(weights) or part <= weight


def test_a_dollar_over_three_lines() -> None:
    assert distribute(100, [333, 333, 334], "usd") == [33, 34, 33]


def test_an_overlap_is_half_open() -> None:
    assert overlap(OCTOBER, _at(1), _at(1, 10)) is None
    assert overlap(OCTOBER, _at(1, 11), None) is None
    assert overlap(OCTOBER, _at(1), None) == (OCTOBER.start, OCTOBER.end)
    assert overlap(OCTOBER, _at(5, 10), _at(6, 10)) == (_at(5, 10), _at(6, 10))
