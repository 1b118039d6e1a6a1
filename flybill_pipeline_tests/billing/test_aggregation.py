"""How a meter's daily values become one quantity, and unit conversion. No prices."""

from decimal import Decimal

import pytest

from flybill_pipeline.billing.aggregation import aggregate, billed_quantity, convert
from flybill_pipeline.billing.prices import Aggregation, Meter, Rounding
from flybill_pipeline_tests.billing.books import used

DAYS = [used("5", day=1, size="a"), used("9", day=2, size="a"), used("4", day=3, size="a"), used("7", day=2, size="b")]


@pytest.mark.parametrize(
    ("aggregation", "quantity"),
    [("sum", "25"), ("count", "25"), ("time_weighted", "25"), ("max", "16"), ("latest", "11")],
)
def test_days_become_a_month_and_series_add_up(aggregation: str, quantity: str) -> None:
    assert aggregate(Aggregation(aggregation), DAYS) == Decimal(quantity)
    assert aggregate(Aggregation(aggregation), list(reversed(DAYS))) == Decimal(quantity)


def test_a_unique_count_comes_whole_or_not_at_all() -> None:
    assert aggregate(Aggregation.UNIQUE_COUNT, [used("5", size="a"), used("7", size="b")]) == Decimal(12)
    with pytest.raises(ValueError, match="one total of the month for 'seconds'"):
        aggregate(Aggregation.UNIQUE_COUNT, DAYS)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_no_usage_is_zero(aggregation: Aggregation) -> None:
    assert aggregate(aggregation, []) == 0


def _meter(rounding: Rounding, divide_by: str = "1000", multiply_by: str = "1") -> Meter:
    return Meter("bytes", Aggregation.SUM, "kB", Decimal(multiply_by), Decimal(divide_by), rounding)


@pytest.mark.parametrize(
    ("rounding", "quantity", "converted"),
    [
        (Rounding.NONE, "2500", "2.5"),
        (Rounding.UP, "2001", "3"),
        (Rounding.UP, "2000", "2"),
        (Rounding.UP, "-2001", "-3"),
        (Rounding.NEAREST, "2500", "3"),
        (Rounding.NEAREST, "-2500", "-3"),
        (Rounding.NEAREST, "2499", "2"),
    ],
)
def test_units_are_converted(rounding: Rounding, quantity: str, converted: str) -> None:
    assert convert(_meter(rounding), Decimal(quantity)) == Decimal(converted)


def test_a_quotient_without_an_end_keeps_18_places() -> None:
    assert convert(_meter(Rounding.NONE, "3", "2"), Decimal(1)) == Decimal("0.666666666666666667")


def test_a_month_is_converted_once_not_day_by_day() -> None:
    assert billed_quantity(_meter(Rounding.UP), [used("1400", day=1), used("1300", day=2)]) == 3
