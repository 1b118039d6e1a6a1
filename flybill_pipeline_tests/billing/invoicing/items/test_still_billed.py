"""Which months an invoice can still bill, held against closing every later month by itself."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.items.still_billed import all_billed, still_billed
from flybill_pipeline.billing.money.period import Month

MONTHS = [Month(2025 + number // 12, number % 12 + 1) for number in range(36)]
NUMBERS = st.integers(0, 20)


@given(NUMBERS, st.sets(NUMBERS), st.integers(0, 12))
def test_a_month_is_billed_by_the_first_later_one_that_is_closed_and_looks_back_to_it(
    asked: int, settled: set[int], lookback: int
) -> None:
    found = MONTHS.index(still_billed(MONTHS[asked], {MONTHS[number] for number in settled}, lookback))
    first = min(settled, default=0)
    to_close = [number for number in range(36) if number >= first and number not in settled]
    billed = {service for number in to_close for service in range(max(number - lookback, 0), number + 1)}
    expected = asked if not settled else min(number for number in billed if number >= asked)
    assert found == expected


def test_without_a_settled_month_nothing_is_too_old() -> None:
    assert still_billed(Month(1999, 1), (), 0) == Month(1999, 1)


@given(NUMBERS, NUMBERS, st.sets(NUMBERS, min_size=1))
def test_a_time_is_over_once_no_month_of_it_can_be_closed(first: int, end: int, settled: set[int]) -> None:
    to_close = [number for number in range(first, end) if number >= min(settled) and number not in settled]
    over = all_billed(MONTHS[first], MONTHS[end].start, {MONTHS[number] for number in settled})
    assert over is (not to_close)


def test_a_time_that_ends_within_a_month_is_of_that_month_too() -> None:
    assert all_billed(MONTHS[0], MONTHS[1].start, {MONTHS[0]})
    assert not all_billed(MONTHS[0], MONTHS[1].start + timedelta(microseconds=1), {MONTHS[0]})
    assert not all_billed(MONTHS[0], MONTHS[1].start, ())
