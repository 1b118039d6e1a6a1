"""How often one caller may ask: so many times in a window of time. What is asked is no business of it."""

from collections import OrderedDict, deque
from collections.abc import Callable

MOST_CALLERS = 10_000
"""Whoever asked longest ago is forgotten first: memory stays small whoever asks."""


class Pace:
    """At most `most` requests in `seconds` for each caller. `now` is a clock that never goes back."""

    def __init__(self, most: int, seconds: float, now: Callable[[], float]) -> None:
        self._most, self._seconds, self._now = most, seconds, now
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Counts a request; 0 when it may be answered, else the seconds after which the caller may ask again."""
        now, asked = self._now(), self._asked.pop(caller, deque())
        while asked and asked[0] <= now - self._seconds:
            asked.popleft()
        wait = asked[0] + self._seconds - now if len(asked) >= self._most else 0.0
        if not wait:
            asked.append(now)
        self._asked[caller] = asked
        if len(self._asked) > MOST_CALLERS:
            self._asked.popitem(last=False)
        return wait
