"""An answer that may be some seconds old is found once in these, and again after them."""

from itertools import count

from flybill_pipeline.toolbox.lately import SECONDS, Lately


def test_it_is_found_again_when_it_is_too_old() -> None:
    clock = [0.0]
    answer = Lately(count().__next__, lambda: clock[0])
    assert [answer(), answer()] == [0, 0]
    clock[0] = SECONDS
    assert [answer(), answer()] == [1, 1]
