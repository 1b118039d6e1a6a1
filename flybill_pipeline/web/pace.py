"""How often one caller may ask: so many times in a window of time. What is asked is no business of it."""

from collections import OrderedDict, deque
from collections.abc import Callable

MOST_CALLERS = 10_000
"""Whoever asked longest ago is forgotten first: memory stays small whoever asks."""
NANOSECONDS = 1_000_000_000


class Pace:
    """At most `most` requests in `seconds` for each caller. `now` is a clock in nanoseconds that never goes back."""

    def __init__(self, most: int, seconds: int, now: Callable[[], int]) -> None:
        self._most, self._window, self._now = most, seconds * NANOSECONDS, now
        self._asked: OrderedDict[str, deque[int]] = OrderedDict()

    def wait(self, caller: str) -> int:
        """Counts a request; 0 when it may be answered, else the whole seconds after which the caller may ask again."""
        now, asked = self._now(), self._asked.pop(caller, deque())
        while asked and asked[0] + self._window <= now:
            asked.popleft()
        self._asked[caller] = asked
        if len(self._asked) > MOST_CALLERS:
            self._asked.popitem(last=False)
        if len(asked) >= self._most:
            return -((now - asked[0] - self._window) // NANOSECONDS)
        asked.append(now)
        return 0
