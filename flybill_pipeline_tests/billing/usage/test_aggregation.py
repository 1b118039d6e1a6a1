"""How a meter's daily values become one quantity, and unit conversion. No prices."""

from decimal import Decimal

import pytest

from flybill_pipeline.billing.usage.aggregation import aggregate, billed_quantity, convert
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import UsageTotal
from flybill_pipeline_tests.billing.pricing.books import used

DAYS = [used("5", day=1, size="a"), used("9", day=2, size="a"), used("4", day=3, size="a"), used("7", day=2, size="b")]


def measured(aggregation: Aggregation, totals: list[UsageTotal]) -> list[UsageTotal]:
    """Totals whose measure is 10 x their quantity."""
    return [total._replace(measures={aggregation: total.quantity * 10}) for total in totals]


@pytest.mark.parametrize(
    ("aggregation", "quantity"),
    [("sum", "25"), ("count", "4"), ("unique_count", "250"), ("max", "160"), ("latest", "110")],
)
def test_days_become_a_month_and_series_add_up(aggregation: str, quantity: str) -> None:
    days = measured(Aggregation(aggregation), DAYS)
    assert aggregate(Aggregation(aggregation), days) == Decimal(quantity)
    assert aggregate(Aggregation(aggregation), days[::-1]) == Decimal(quantity)


def test_level_times_come_out_in_hours() -> None:
    held = [day._replace(events=0, measures={Aggregation.TIME_WEIGHTED: Decimal(10**9)}) for day in DAYS]
    assert aggregate(Aggregation.TIME_WEIGHTED, held) == Decimal("1.111111111111111111")


def test_a_series_without_events_has_neither_peak_nor_last_value() -> None:
    held = used("0", day=9, size="b")._replace(events=0)
    assert aggregate(Aggregation.LATEST, [*measured(Aggregation.LATEST, DAYS), held]) == 110


def test_different_values_of_a_dimension_count_once_however_many_series_have_them() -> None:
    meter = Meter("users", Aggregation.UNIQUE_COUNT, "user", multiply_by=Decimal(2), distinct="size")
    assert billed_quantity(meter, DAYS) == 4


@pytest.mark.parametrize("aggregation", [a for a in Aggregation if a not in (Aggregation.SUM, Aggregation.COUNT)])
def test_what_was_not_measured_is_no_zero(aggregation: Aggregation) -> None:
    with pytest.raises(ValueError, match=f"'seconds' of org-1 was not measured by {aggregation}"):
        aggregate(aggregation, DAYS)


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
