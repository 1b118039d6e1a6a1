"""Whatever is asked and when, nobody is answered more often in a window than they may, and who waits as told is."""

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.web.pace import MOST_CALLERS, NANOSECONDS, Pace

WINDOW = 10 * NANOSECONDS


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, WINDOW)), max_size=60), st.integers(1, 5))
def test_nobody_is_answered_more_often_in_a_window_than_they_may(asked: list[tuple[str, int]], most: int) -> None:
    now = 0
    pace = Pace(most, 10, lambda: now)
    answered: dict[str, list[int]] = {"a": [], "b": []}
    for caller, later in asked:
        now += later
        recent = [at for at in answered[caller] if at > now - WINDOW]
        wait = pace.wait(caller)
        assert (wait == 0) == (len(recent) < most)
        if wait:
            assert recent[0] + WINDOW <= now + wait * NANOSECONDS < recent[0] + WINDOW + NANOSECONDS
        else:
            answered[caller].append(now)


def test_who_waits_as_told_is_answered_and_memory_stays_small() -> None:
    now = 0
    pace = Pace(1, 10, lambda: now)
    assert pace.wait("a") == 0
    now += pace.wait("a") * NANOSECONDS
    assert pace.wait("a") == 0
    for number in range(MOST_CALLERS + 5):
        pace.wait(str(number))
    assert len(pace._asked) == MOST_CALLERS
