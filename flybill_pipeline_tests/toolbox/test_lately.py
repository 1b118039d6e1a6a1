"""An answer that may be some seconds old is found once in these, and again after them; hardly anybody waits for it."""

from itertools import count
from threading import Event

import pytest

from flybill_pipeline.toolbox.lately import MOST_SECONDS, SECONDS, Lately

WAIT_SECONDS = 10


def test_it_is_found_again_aside_when_it_is_some_seconds_old() -> None:
    clock, numbers, found = [0.0], count(), Event()

    def find() -> int:
        number = next(numbers)
        if number:
            assert found.wait(WAIT_SECONDS)
        return number

    answer = Lately(find, lambda: clock[0])
    assert [answer(), answer()] == [0, 0]
    clock[0] = SECONDS
    assert [answer(), answer()] == [0, 0]  # it is looked for, once, and nobody waits
    found.set()
    assert answer._looking is not None
    answer._looking.join(WAIT_SECONDS)
    assert answer() == 1


def test_who_asks_when_nobody_asked_for_long_waits_for_a_new_one() -> None:
    clock = [0.0]
    answer = Lately(count().__next__, lambda: clock[0])
    assert answer() == 0
    clock[0] = MOST_SECONDS
    assert answer() == 1


def test_what_fails_aside_is_told_to_the_next_who_waits() -> None:
    clock = [0.0]

    def find() -> int:
        if clock[0]:
            raise OSError("the disk is gone")
        return 0

    answer = Lately(find, lambda: clock[0])
    assert answer() == 0
    clock[0] = SECONDS
    assert answer() == 0
    clock[0] = MOST_SECONDS
    with pytest.raises(OSError, match="the disk is gone"):
        answer()
