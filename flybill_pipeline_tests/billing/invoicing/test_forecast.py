"""A forecast has a range with one rule: every day left is like the cheapest, or the dearest, whole day so far."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.bill import Parts, put_together
from flybill_pipeline.billing.invoicing.commitments import Commitment
from flybill_pipeline.billing.invoicing.forecast import FEWEST_DAYS, Forecast, Known, Pace, forecast, goes_on
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.price_changes import one_book
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline_tests.billing.pricing.books import book, per_unit, tier, used

MONTH = Month(2026, 11)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
AMOUNTS = st.integers(-(10**6), 10**6)
POSITIVE = st.integers(0, 10**6)
CENT = per_unit("0.01")
HALF_OFF = Discount("half", "Half", percent=Decimal(50))


def line(kind: str, minor: int) -> LineItem:
    amount = Decimal(minor).scaleb(-2)
    return LineItem(kind, line_id(kind, MONTH), None, {}, MONTH, Decimal(1), None, amount, minor, "usd", kind)


def pace(
    days: Sequence[int], standing: int = 0, hours: int = 24, seconds: int = 0, price: Price = CENT, now: datetime = NOW
) -> Pace:
    """A month with these cents on its days, the last of which is known for so many hours."""
    up_to = MONTH.start + timedelta(days=len(days) - 1, hours=hours, seconds=seconds)
    totals = [used(str(units))._replace(day=date(2026, 11, day)) for day, units in enumerate(days, 1)]
    books, known = one_book(book(price), MONTH), Known(up_to if days else None)
    whole = known.whole_days(MONTH)
    lines = [*price_month(books, totals).lines, line("subscription", standing)]
    return Pace(MONTH, lines, known, grown=goes_on(books, totals, known, now, whole), days=len(whole))


def billed(known: Pace, parts: Parts) -> Pace:
    """The same month with the rest of its bill."""
    bill = put_together(MONTH, "usd", replace(parts, priced=known.lines))
    return replace(known, lines=bill.lines, discounts=parts.discounts, credits=parts.credits)


def test_each_day_left_is_like_the_cheapest_or_the_dearest() -> None:
    known = pace([100, 200, 300, 0], standing=50, hours=0)  # three whole days, 27 left
    assert forecast(known) == Forecast(minor=6050, low_minor=650 + 27 * 100, high_minor=650 + 27 * 300, days=3)


FLAT = Price("seconds", models.GRADUATED, tiers=(tier("1000", "0", "25"), tier(None, "0.01")))
"""25 dollars for a thousand, then a cent for each."""
PACKAGES = Price("seconds", models.PACKAGE, package_size=Decimal(100), unit_amount=Decimal(5))
VOLUME = Price("seconds", models.VOLUME, tiers=(tier("1000", "0.01"), tier(None, "0.005")))


@pytest.mark.parametrize(
    ("price", "days", "expected"),
    [
        pytest.param(replace(CENT, minimum_spend=Decimal(500)), [100] * 10, 500_00, id="raised to its minimum"),
        pytest.param(replace(CENT, maximum_spend=Decimal(5)), [100] * 10, 5_00, id="held at its maximum"),
        pytest.param(FLAT, [10] * 10, 25_00, id="a flat amount once"),
        pytest.param(FLAT, [100] * 10, 25_00 + 20_00, id="what is beyond its tier"),
        pytest.param(replace(CENT, free_units=Decimal(2900)), [100] * 10, 1_00, id="free units once"),
        pytest.param(replace(CENT, free_units=Decimal(900)), [100] * 10, 21_00, id="free units that are used up"),
        pytest.param(PACKAGES, [1] * 10, 5_00, id="a package that is not full yet"),
        pytest.param(VOLUME, [100] * 10, 15_00, id="a cheaper price for all"),
    ],
)
def test_what_is_due_once_a_month_does_not_grow_with_it(price: Price, days: list[int], expected: int) -> None:
    found = forecast(pace(days, price=price))
    assert (found.minor, found.low_minor, found.high_minor) == (expected, expected, expected)


def test_days_that_are_alike_leave_no_doubt() -> None:
    assert forecast(pace([100] * 9 + [0], hours=0)) == Forecast(3000, 3000, 3000, 9)


def test_what_discounts_take_of_the_usage_they_take_of_the_days_left() -> None:
    half = billed(pace([100, 200, 300, 0], hours=0), Parts((), discounts=[HALF_OFF]))
    assert forecast(half) == Forecast(3000, 300 + 27 * 50, 300 + 27 * 150, 3)


def test_a_credit_pays_what_is_left_of_it_and_no_more() -> None:
    credit = Credit("c", "Welcome", 2000, "usd", MONTH.start)
    known = billed(pace([100] * 9 + [0], hours=0), Parts((), credits=[credit]))
    assert forecast(known) == Forecast(1000, 1000, 1000, 9)


def test_a_minimum_is_missing_less_as_usage_grows() -> None:
    known = billed(pace([100] * 9 + [0], hours=0), Parts((), commitment=Commitment("acme", 2500)))
    assert forecast(known).minor == 3000
    assert forecast(billed(pace([10] * 9 + [0], hours=0), Parts((), commitment=Commitment("acme", 2500)))).minor == 2500


def test_an_amount_that_is_off_is_off_once() -> None:
    fixed = Discount("ten", "Ten off", amount_minor=500, currency="usd")
    known = billed(pace([100] * 9 + [0], standing=50, hours=0), Parts((), discounts=[fixed]))
    assert forecast(known).minor == 3050 - 500


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
    assert forecast(known).minor == sum(each.amount_minor for each in billed(pace([used] * 30, plan), parts).lines)


def test_too_few_days_or_nothing_that_grows_have_no_range() -> None:
    for known in (pace([100] * FEWEST_DAYS, hours=1), pace([0] * 9), replace(pace([100] * 9), lines=[]), pace([])):
        found = forecast(known)
        assert (found.low_minor, found.high_minor, found.days) == (found.minor, found.minor, 0)


@pytest.mark.parametrize("seconds", [0, 10, 3600, 24 * 3600])
def test_what_came_in_seconds_counts_as_a_whole_day(seconds: int) -> None:
    known = pace([214], standing=2900, hours=0, seconds=seconds, now=MONTH.start + timedelta(days=1))
    assert forecast(known) == Forecast(2900 + 30 * 214, 9320, 9320)


def test_a_month_that_has_ended_is_what_it_is() -> None:
    assert forecast(pace([100] * 9, now=MONTH.end)) == Forecast(900, 900, 900)


@given(st.lists(AMOUNTS, max_size=30), AMOUNTS, st.integers(0, 23))
def test_the_forecast_is_within_its_range(days: list[int], standing: int, hours: int) -> None:
    found = forecast(pace([*days, 7], standing, hours))
    assert found.low_minor <= found.minor <= found.high_minor
