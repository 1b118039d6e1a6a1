"""A forecast has a range with one rule: every day left is like the cheapest, or the dearest, whole day so far."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.forecast import FEWEST_DAYS, Forecast, Pace, forecast
from flybill_pipeline.billing.money.period import Month

MONTH = Month(2026, 11)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
AMOUNTS = st.integers(-(10**6), 10**6)


def pace(days: list[int], standing: int = 0, hours: int = 24) -> Pace:
    """A month with these days, the last of which is known for so many hours."""
    up_to = MONTH.start + timedelta(days=len(days) - 1, hours=hours)
    return Pace(MONTH, standing + sum(days), standing, up_to, list(accumulate(days)))


def test_each_day_left_is_like_the_cheapest_or_the_dearest() -> None:
    known = pace([100, 200, 300, 0], standing=50, hours=0)  # three whole days, 27 left
    assert forecast(known, NOW) == Forecast(minor=6050, low_minor=650 + 27 * 100, high_minor=650 + 27 * 300, days=3)


def test_days_that_are_alike_leave_no_doubt() -> None:
    assert forecast(pace([100] * 9 + [0], hours=0), NOW) == Forecast(3000, 3000, 3000, 9)


def test_what_discounts_take_of_the_usage_they_take_of_the_days_left() -> None:
    half = replace(pace([100, 200, 300, 0], hours=0), total_minor=300)
    assert forecast(half, NOW) == Forecast(3000, 300 + 27 * 50, 300 + 27 * 150, 3)


def test_too_few_days_or_nothing_that_grows_have_no_range() -> None:
    for known in (pace([100] * FEWEST_DAYS, hours=1), pace([0] * 9), replace(pace([100] * 9), total_minor=0), pace([])):
        found = forecast(replace(known, usage_up_to=known.usage_up_to if known.by_day else None), NOW)
        assert (found.low_minor, found.high_minor, found.days) == (found.minor, found.minor, 0)


def test_a_month_that_has_ended_is_what_it_is() -> None:
    assert forecast(pace([100] * 9), MONTH.end) == Forecast(900, 900, 900)


@given(st.lists(AMOUNTS, max_size=30), AMOUNTS, st.integers(0, 23))
def test_the_forecast_is_within_its_range(days: list[int], standing: int, hours: int) -> None:
    found = forecast(pace([*days, 7], standing, hours), NOW)
    assert found.low_minor <= found.minor <= found.high_minor
