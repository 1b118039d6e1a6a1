"""Our clock beside Stripe's: when it is said to be wrong, and where a search begins."""

from datetime import UTC, datetime, timedelta

import pytest

from flybill_pipeline.billing.sync.clocks import ClockReading, search_from

AT = datetime(2026, 11, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "wrong"), [(0, False), (59, False), (-59, False), (61, True), (-61, True)])
def test_a_clock_is_wrong_when_it_is_more_than_a_minute_off(seconds: int, wrong: bool) -> None:
    assert ClockReading(AT, timedelta(seconds=seconds)).wrong is wrong


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=2), "2 min ahead of"),
        (timedelta(minutes=-70), "1 h 10 min behind"),
        (timedelta(days=3, hours=5, minutes=9), "3 d 5 h ahead of"),
    ],
)
def test_how_wrong_it_is_is_said_in_words(ahead: timedelta, words: str) -> None:
    sentence = ClockReading(AT, ahead).sentence
    assert sentence == f"The clock of this machine is {words} Stripe's (2026-11-03 06:00:00 UTC there)."


def test_a_search_begins_before_what_stripe_told_and_at_the_beginning_of_time_when_it_told_nothing() -> None:
    assert search_from(None) is None
    begin = search_from(AT)
    assert begin is not None
    assert timedelta(0) < AT - begin <= timedelta(minutes=5)
