"""How a meter's daily values become one quantity, and unit conversion. No prices."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.aggregation import (
    aggregate,
    billed_quantity,
    convert,
    hours_below_zero,
    levels_below_zero,
)
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import LevelTrail, UsageTotal
from flybill_pipeline_tests.billing.pricing.books import used

DAYS = [used("5", day=1, size="a"), used("9", day=2, size="a"), used("4", day=3, size="a"), used("7", day=2, size="b")]


def measured(aggregation: Aggregation, totals: list[UsageTotal]) -> list[UsageTotal]:
    """Totals whose measure is 10 x their quantity."""
    return [total._replace(measures={aggregation: total.quantity * 10}) for total in totals]


def meter_of(aggregation: Aggregation, *per: str) -> Meter:
    return Meter("seconds", aggregation, "second", per=per)


@pytest.mark.parametrize(
    ("aggregation", "per", "quantity"),
    [
        ("sum", (), "25"),
        ("count", (), "4"),
        ("unique_count", (), "250"),
        ("max", (), "90"),
        ("max", ("size",), "160"),
        ("max", ("size", "region"), "160"),
        ("max", ("region",), "90"),
        ("latest", (), "40"),
        ("latest", ("size",), "110"),
    ],
)
def test_days_become_a_month_and_named_series_add_up(aggregation: str, per: tuple[str, ...], quantity: str) -> None:
    meter = meter_of(Aggregation(aggregation), *per)
    days = measured(meter.aggregation, DAYS)
    assert aggregate(meter, days) == Decimal(quantity)
    assert aggregate(meter, days[::-1]) == Decimal(quantity)


def test_a_changed_label_makes_no_second_level_and_the_last_event_of_all_counts() -> None:
    def told(hour: int, quantity: str, support: str) -> UsageTotal:
        at = datetime(2026, 10, 20, hour, tzinfo=UTC)
        (total,) = measured(Aggregation.LATEST, [used(quantity, day=20, support=support)])
        return total._replace(last_at=at)

    changed = [told(9, "3", "premium"), told(17, "1", "self-service")]
    for order in (changed, changed[::-1]):
        assert aggregate(meter_of(Aggregation.LATEST), order) == 10
        assert aggregate(meter_of(Aggregation.LATEST, "support"), order) == 40
    same_instant = [told(17, "2", "premium"), changed[1]]
    assert aggregate(meter_of(Aggregation.LATEST), same_instant) == 20


def test_a_correction_is_one_less() -> None:
    events = [used("5", day=1)._replace(events=5), used("-1", day=2)._replace(events=1, corrections=1)]
    assert aggregate(meter_of(Aggregation.COUNT), events) == 4
    assert aggregate(meter_of(Aggregation.COUNT), events[1:]) == -1


def test_level_times_come_out_in_hours() -> None:
    held = [day._replace(events=0, measures={Aggregation.TIME_WEIGHTED: Decimal(10**9)}) for day in DAYS]
    assert aggregate(meter_of(Aggregation.TIME_WEIGHTED), held) == Decimal("1.111111111111111111")


def test_a_series_without_events_has_neither_peak_nor_last_value() -> None:
    held = used("0", day=9, size="b")._replace(events=0)
    for per in ((), ("size",)):
        latest = meter_of(Aggregation.LATEST, *per)
        assert aggregate(latest, [*measured(Aggregation.LATEST, DAYS), held]) == (110 if per else 40)


def moved(day: int, *changes: tuple[int, str], size: str = "a") -> UsageTotal:
    """The changes of a level on a day in October, each at an hour."""
    at = datetime(2026, 10, day, tzinfo=UTC)
    trail = tuple((at + timedelta(hours=hour), Decimal(amount)) for hour, amount in changes)
    measure = {Aggregation.TIME_WEIGHTED: Decimal(-1)}  # which a trail takes the place of
    total = used("0", day=day, size=size)
    return total._replace(measures=measure, trail=LevelTrail(trail, datetime(2026, 11, 1, tzinfo=UTC)))


def test_a_level_below_zero_counts_as_zero_and_is_told() -> None:
    meter, totals = meter_of(Aggregation.TIME_WEIGHTED), [moved(1, (0, "-100")), moved(3, (12, "150"))]
    assert aggregate(meter, totals) == 50 * (28 * 24 + 12)
    assert aggregate(meter, totals[:1]) == 0
    assert hours_below_zero(meter, totals, date(2026, 10, 1), date(2026, 11, 1)) == 60
    assert hours_below_zero(meter, totals, date(2026, 10, 3), date(2026, 10, 4)) == 12
    assert hours_below_zero(meter, totals, date(2026, 10, 4), date(2026, 11, 1)) == 0


def test_levels_that_add_up_are_not_below_zero_when_their_sum_is_not() -> None:
    """A label that changed between creating and deleting: together there is nothing, and nothing is wrong."""
    totals = [moved(1, (0, "100"), size="a"), moved(11, (0, "-100"), size="b")]
    together, apart = (meter_of(Aggregation.TIME_WEIGHTED, *per) for per in ((), ("size",)))
    assert aggregate(together, totals) == 100 * 240
    assert hours_below_zero(together, totals, date(2026, 10, 1), date(2026, 11, 1)) == 0
    assert aggregate(apart, totals) == 100 * 744
    assert hours_below_zero(apart, totals, date(2026, 10, 1), date(2026, 11, 1)) == 21 * 24


CHANGES = st.lists(st.tuples(st.integers(0, 743), st.integers(-4, 5), st.sampled_from("ab")), min_size=1, max_size=8)


@given(CHANGES, st.integers(1, 31))
def test_what_a_level_comes_to_is_what_every_hour_of_it_comes_to(
    changes: list[tuple[int, int, str]], edge: int
) -> None:
    totals = [moved(hour // 24 + 1, (hour % 24, str(amount)), size=size) for hour, amount, size in changes]
    meter, hours = meter_of(Aggregation.TIME_WEIGHTED), range((edge - 1) * 24)
    levels = [sum(amount for hour, amount, _ in changes if hour <= now) for now in hours]
    day = date(2026, 10, edge)
    assert billed_quantity(meter, totals, day) == sum(max(level, 0) for level in levels)
    assert hours_below_zero(meter, totals, date(2026, 10, 1), day) == sum(level < 0 for level in levels)


TOLD = st.lists(st.tuples(st.integers(1, 31), st.integers(-4, 5), st.sampled_from("ab")), min_size=1, max_size=8)


@given(TOLD, st.sampled_from([Aggregation.MAX, Aggregation.LATEST]), st.sampled_from([(), ("size",), ("region",)]))
def test_a_peak_or_a_last_value_is_never_below_zero_and_one_that_was_is_told(
    told: list[tuple[int, int, str]], aggregation: Aggregation, per: tuple[str, ...]
) -> None:
    totals = [
        used(str(quantity), day=day, size=size)._replace(measures={aggregation: Decimal(quantity)})
        for day, quantity, size in told
    ]
    series = [[each for each in told if not per or per == ("region",) or each[2] == size] for size in "ab"]
    series = series if per == ("size",) else series[:1]
    last = (max(one)[1] for one in series if one)
    highest = (max(quantity for _, quantity, _ in one) for one in series if one)
    levels = list(highest if aggregation is Aggregation.MAX else last)
    meter = meter_of(aggregation, *per)
    assert billed_quantity(meter, totals) == sum(max(level, 0) for level in levels)
    assert levels_below_zero(meter, totals) == sum(level < 0 for level in levels)


def test_different_values_of_a_dimension_count_once_however_many_series_have_them() -> None:
    meter = Meter("users", Aggregation.UNIQUE_COUNT, "user", multiply_by=Decimal(2), distinct="size")
    assert billed_quantity(meter, DAYS) == 4


@pytest.mark.parametrize("aggregation", [a for a in Aggregation if a not in (Aggregation.SUM, Aggregation.COUNT)])
def test_what_was_not_measured_is_no_zero(aggregation: Aggregation) -> None:
    with pytest.raises(ValueError, match=f"'seconds' of org-1 was not measured by {aggregation}"):
        aggregate(meter_of(aggregation), DAYS)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_no_usage_is_zero(aggregation: Aggregation) -> None:
    assert aggregate(meter_of(aggregation), []) == 0


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
