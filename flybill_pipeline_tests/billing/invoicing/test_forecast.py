"""A forecast has a range with one rule: every day left is like the cheapest, or the dearest, whole day so far."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.bill import Parts, put_together
from flybill_pipeline.billing.invoicing.commitments import Commitment
from flybill_pipeline.billing.invoicing.forecast import FEWEST_DAYS, Forecast, Pace, forecast
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id

MONTH = Month(2026, 11)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
AMOUNTS = st.integers(-(10**6), 10**6)
POSITIVE = st.integers(0, 10**6)
HALF_OFF = Discount("half", "Half", percent=Decimal(50))


def line(kind: str, minor: int) -> LineItem:
    amount = Decimal(minor).scaleb(-2)
    return LineItem(kind, line_id(kind, MONTH), None, {}, MONTH, Decimal(1), None, amount, minor, "usd", kind)


def pace(days: Sequence[int], standing: int = 0, hours: int = 24) -> Pace:
    """A month with these days, the last of which is known for so many hours."""
    up_to = MONTH.start + timedelta(days=len(days) - 1, hours=hours)
    lines = [line("usage", sum(days)), line("subscription", standing)]
    return Pace(MONTH, lines, up_to, by_day=list(accumulate(days)))


def billed(known: Pace, parts: Parts) -> Pace:
    """The same month with the rest of its bill."""
    bill = put_together(MONTH, "usd", replace(parts, priced=known.lines))
    return replace(known, lines=bill.lines, discounts=parts.discounts, credits=parts.credits)


def test_each_day_left_is_like_the_cheapest_or_the_dearest() -> None:
    known = pace([100, 200, 300, 0], standing=50, hours=0)  # three whole days, 27 left
    assert forecast(known, NOW) == Forecast(minor=6050, low_minor=650 + 27 * 100, high_minor=650 + 27 * 300, days=3)


def test_days_that_are_alike_leave_no_doubt() -> None:
    assert forecast(pace([100] * 9 + [0], hours=0), NOW) == Forecast(3000, 3000, 3000, 9)


def test_what_discounts_take_of_the_usage_they_take_of_the_days_left() -> None:
    half = billed(pace([100, 200, 300, 0], hours=0), Parts((), discounts=[HALF_OFF]))
    assert forecast(half, NOW) == Forecast(3000, 300 + 27 * 50, 300 + 27 * 150, 3)


def test_a_credit_pays_what_is_left_of_it_and_no_more() -> None:
    credit = Credit("c", "Welcome", 2000, "usd", MONTH.start)
    known = billed(pace([100] * 9 + [0], hours=0), Parts((), credits=[credit]))
    assert forecast(known, NOW) == Forecast(1000, 1000, 1000, 9)


def test_a_minimum_is_missing_less_as_usage_grows() -> None:
    known = billed(pace([100] * 9 + [0], hours=0), Parts((), commitment=Commitment("acme", 2500)))
    assert forecast(known, NOW).minor == 3000
    assert (
        forecast(billed(pace([10] * 9 + [0], hours=0), Parts((), commitment=Commitment("acme", 2500))), NOW).minor
        == 2500
    )


def test_an_amount_that_is_off_is_off_once() -> None:
    fixed = Discount("ten", "Ten off", amount_minor=500, currency="usd")
    known = billed(pace([100] * 9 + [0], standing=50, hours=0), Parts((), discounts=[fixed]))
    assert forecast(known, NOW).minor == 3050 - 500


@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE, st.lists(POSITIVE, max_size=2), st.booleans())
def test_it_is_the_bill_of_the_month_with_usage_at_its_pace(
    used: int, plan: int, minimum: int, off: int, credits_: list[int], half: bool
) -> None:
    fixed = Discount("off", "Off", amount_minor=off, currency="usd")
    parts = Parts(
        (),
        commitment=Commitment("acme", minimum),
        discounts=[HALF_OFF] if half else [fixed],
        credits=[Credit(f"c{n}", "Credit", left, "usd", MONTH.start) for n, left in enumerate(credits_)],
    )
    known = billed(pace([used] * 10, plan), parts)
    assert forecast(known, NOW).minor == sum(each.amount_minor for each in billed(pace([used] * 30, plan), parts).lines)


def test_too_few_days_or_nothing_that_grows_have_no_range() -> None:
    for known in (pace([100] * FEWEST_DAYS, hours=1), pace([0] * 9), replace(pace([100] * 9), lines=[]), pace([])):
        found = forecast(replace(known, usage_up_to=known.usage_up_to if known.by_day else None), NOW)
        assert (found.low_minor, found.high_minor, found.days) == (found.minor, found.minor, 0)


@pytest.mark.parametrize("seconds", [0, 10, 3600, 24 * 3600])
def test_what_came_in_seconds_counts_as_a_whole_day(seconds: int) -> None:
    known = replace(pace([214], standing=2900), usage_up_to=MONTH.start + timedelta(seconds=seconds), by_day=[])
    assert forecast(known, MONTH.start + timedelta(days=1)) == Forecast(2900 + 30 * 214, 9320, 9320)


def test_a_month_that_has_ended_is_what_it_is() -> None:
    assert forecast(pace([100] * 9), MONTH.end) == Forecast(900, 900, 900)


@given(st.lists(AMOUNTS, max_size=30), AMOUNTS, st.integers(0, 23))
def test_the_forecast_is_within_its_range(days: list[int], standing: int, hours: int) -> None:
    found = forecast(pace([*days, 7], standing, hours), NOW)
    assert found.low_minor <= found.minor <= found.high_minor
