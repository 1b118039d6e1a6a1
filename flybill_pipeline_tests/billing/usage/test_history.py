"""What is usual, by a number's own history; and days on which a source was silent."""

from datetime import date, timedelta

import pytest

from flybill_pipeline.billing.usage.history import is_unusual, silent_days, usual

DAY = date(2026, 10, 20)


def days(*back: int) -> set[date]:
    return {DAY - timedelta(days=n) for n in back}


@pytest.mark.parametrize(("history", "median"), [([], None), ([5, 5], None), ([1, 9, 3], 3), ([4, 1, 2, 3], 2)])
def test_the_usual_is_the_median_of_enough_numbers(history: list[int], median: int | None) -> None:
    assert usual(history) == median


@pytest.mark.parametrize(
    ("value", "unusual"), [(100, False), (200, False), (201, True), (50, False), (49, True), (0, True), (-5, True)]
)
def test_unusual_is_beyond_so_many_times_or_below_that_part(value: int, unusual: bool) -> None:
    assert is_unusual(value, [90, 100, 110], 2) is unusual


def test_nothing_is_unusual_beside_nothing() -> None:
    assert not is_unusual(10**9, [0, 0, 0], 2)
    assert not is_unusual(10**9, [5, 5], 2)


def test_a_day_is_silent_when_most_days_of_the_week_before_were_not() -> None:
    assert silent_days(days(1, 2, 3, 4, 5), DAY, DAY) == [DAY]
    assert silent_days(days(1, 2, 3, 4), DAY, DAY) == []
    assert silent_days(days(0, 1, 2, 3, 4, 5), DAY, DAY) == []


def test_who_has_stopped_delivering_is_silent_for_the_days_on_which_it_was_still_expected() -> None:
    delivered = days(*range(10, 20))
    silent = silent_days(delivered, DAY - timedelta(days=9), DAY)
    assert silent == [DAY - timedelta(days=9), DAY - timedelta(days=8), DAY - timedelta(days=7)]
