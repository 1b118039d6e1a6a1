"""A month that goes on as it did so far comes to what it will be billed: by every model, meter and change of prices."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.pricing.going_on import GoingOn
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, books_of_month
from flybill_pipeline.billing.pricing.prices import Price, PriceBooks
from flybill_pipeline.billing.pricing.usage_lines import price_going_on, price_month
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import UsageTotal
from flybill_pipeline_tests.billing.pricing.any_price import prices
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, used

DAYS = OCTOBER.days()
HOUR = Decimal(3_600_000_000)


def month(meter: Meter, olds: Price, news: Price, change: int | None) -> BooksOfMonth:
    """A month with one price, or with another one from a day on."""
    old = replace(book(replace(olds, meter="m", contract=None)), meters={"m": meter})
    new = replace(old, effective_from=date(2026, 10, change or 1), prices=(replace(news, meter="m", contract=None),))
    found = books_of_month(PriceBooks((new, old) if change else (old,)), "usd", OCTOBER)
    assert found is not None
    return found


def even(quantity: int, days: Sequence[date]) -> list[UsageTotal]:
    """The same on each day; told as every aggregation wants it."""
    measures = dict.fromkeys(Aggregation, Decimal(quantity)) | {Aggregation.TIME_WEIGHTED: quantity * HOUR}
    return [
        used(str(quantity), "m")._replace(day=day, events=abs(quantity), measures=measures, last_at=None)
        for day in days
    ]


def amounts(lines: Sequence[LineItem]) -> list[tuple[str, Decimal, int]]:
    return [(line.line_id, line.quantity, line.amount_minor) for line in lines if line.amount_minor]


METERS = st.builds(
    lambda kind, rounding: Meter("m", kind, "unit", divide_by=Decimal(4), round=rounding),
    st.sampled_from(list(Aggregation)),
    st.sampled_from(list(Rounding)),
)


@given(METERS, prices(), prices(), st.sampled_from([None, 2, 9, 16, 31]), st.integers(1, 40), st.integers(3, 30))
def test_the_end_of_an_even_month_is_the_bill_of_that_month(
    meter: Meter, olds: Price, news: Price, change: int | None, quantity: int, known: int
) -> None:
    books = month(meter, olds, news, change)
    up_to = OCTOBER.start + timedelta(days=known)
    whole = DAYS[:known]
    grown = price_going_on(books, even(quantity, whole), GoingOn(OCTOBER, up_to, up_to), whole)
    billed = amounts(price_month(books, even(quantity, DAYS)).lines)
    assert amounts(grown.lines) == amounts(grown.cheapest) == amounts(grown.dearest) == billed


@pytest.mark.parametrize(("kind", "expected"), [("max", 9), ("latest", 5), ("sum", 31 * 8), ("unique_count", 31 * 8)])
def test_a_peak_and_a_last_value_stay_what_they_are(kind: str, expected: int) -> None:
    books = month(Meter("m", Aggregation(kind), "unit"), per_unit("1"), per_unit("1"), None)
    totals = [total for day, units in zip(DAYS, (9, 10, 5), strict=False) for total in even(units, [day])]
    totals[1] = totals[1]._replace(measures={**totals[1].measures, Aggregation.MAX: Decimal(1)})
    up_to = OCTOBER.start + timedelta(days=3)
    (line,) = price_going_on(books, totals, GoingOn(OCTOBER, up_to, up_to)).lines
    assert line.quantity == expected


def test_days_left_are_like_the_cheapest_and_the_dearest_by_what_a_month_of_them_would_come_to() -> None:
    """A minimum makes the first day no dearer than it is."""
    books = month(
        Meter("m", Aggregation.SUM, "unit"), replace(per_unit("1"), minimum_spend=Decimal(100)), per_unit("1"), None
    )
    totals = [total for day, units in zip(DAYS, (4, 3, 6), strict=False) for total in even(units, [day])]
    up_to = OCTOBER.start + timedelta(days=3)
    grown = price_going_on(books, totals, GoingOn(OCTOBER, up_to, up_to), DAYS[:3])
    assert [lines[0].quantity for lines in (grown.cheapest, grown.dearest)] == [13 + 28 * 3, 13 + 28 * 6]
    assert [lines[0].amount_minor for lines in (grown.cheapest, grown.dearest)] == [100_00, 181_00]


def test_a_correction_is_not_made_again_on_each_day_left() -> None:
    books = month(Meter("m", Aggregation.SUM, "unit"), per_unit("1"), per_unit("1"), None)
    totals = [total for day, units in zip(DAYS, (9, -5, 6), strict=False) for total in even(units, [day])]
    up_to = OCTOBER.start + timedelta(days=3)
    grown = price_going_on(books, totals, GoingOn(OCTOBER, up_to, up_to), DAYS[:3])
    assert [lines[0].quantity for lines in (grown.cheapest, grown.dearest)] == [10, 10 + 28 * 9]


def test_days_of_a_cheap_unit_are_compared_by_all_its_digits() -> None:
    books = month(
        Meter("m", Aggregation.SUM, "byte"), replace(per_unit("1"), maximum_spend=Decimal("0.01")), per_unit("1"), None
    )
    totals = [
        total for day, units in zip(DAYS, (10**19, 10**18, 2 * 10**18), strict=False) for total in even(units, [day])
    ]
    up_to = OCTOBER.start + timedelta(days=3)
    grown = price_going_on(books, totals, GoingOn(OCTOBER, up_to, up_to), DAYS[:3])
    assert grown.cheapest[0].quantity < grown.lines[0].quantity < grown.dearest[0].quantity


def test_what_began_in_the_month_has_the_pace_of_its_own_days() -> None:
    new = replace(book(per_unit("1", "m")), effective_from=date(2026, 10, 11))
    books = books_of_month(PriceBooks((new,)), "usd", OCTOBER)
    assert books is not None
    up_to = OCTOBER.start + timedelta(days=20)
    (line,) = price_going_on(books, even(5, DAYS[10:20]), GoingOn(OCTOBER, up_to, up_to)).lines
    assert line.quantity == 21 * 5
