"""Which months an invoice can still bill, held against closing every later month by itself."""

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.items.still_billed import still_billed
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
