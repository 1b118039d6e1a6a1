"""Keeps the calls below Stripe's rate limits. Belongs here: when a call may leave. Does not: calling, retrying.

Every endpoint has a lane and all lanes share one more. A lane lets calls through at an even pace, never in bursts; a
late caller is forgiven by `SLACK` at most, so no window of one second ever holds more than
rate x (1 + SLACK) + 1 calls, rounded down: 25 for 24 a second.

That is when calls leave; Stripe counts them when they arrive. On a busy machine, or behind a network that stalls, calls
that left evenly arrive in a bunch. So a call without an answer counts as one that may arrive at any moment, and one
whose answer took longer than usual as having arrived late by as much: of all these a second has no more than the limit.

Where several processes call with one key, `Slots` keep both for all of them together.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

ENDPOINT_RATE = 24.0
"""Calls per second to one endpoint; Stripe's limit is 25."""
LIVE_RATE = 96.0
"""Calls per second to all endpoints with a live key; Stripe's limit is 100. A test key has 25, so ENDPOINT_RATE."""
HEADROOM = 25 / 24
"""Stripe's limits above our paces: no second may hold more calls than the pace and this make."""
SLACK = 0.04
"""Seconds by which a late call does not delay the next."""
RECOVERY = 15.0
"""Seconds from a standstill back to the full pace, evenly."""
KEPT = 0.75
"""The part of the pace that is left after Stripe refused: refusals that go on compound, a single one costs little."""
SLOWEST = 0.5
"""Calls per second below which no lane falls, however often Stripe refuses."""
WINDOW = 1.0
"""Seconds; Stripe states its limits per second."""
PEEK = 0.01
"""Seconds until a call is tried again that waits for the answers of others."""
UNSURE = 0.03
"""Seconds by which a call may have arrived later than its answer suggests: what is usual includes the way there."""
LEARNING = 0.002
"""How far one slower answer moves what is usual, so that one stall hardly does; a faster one moves it at once."""


class _Arrivals:
    """How many calls may have arrived at Stripe in the last second: those without an answer, and those just answered.

    `usual` is how many seconds an answer takes when nothing holds it up, learned from the answers themselves.
    """

    def __init__(self) -> None:
        self._unanswered = 0
        self._arrived: deque[float] = deque()
        self._usual: float | None = None

    def leaves(self) -> None:
        """A call is on its way."""
        self._unanswered += 1

    def answered(self, left: float, now: float) -> float:
        """The call that left then has come back, with whatever answer; it arrived that many seconds ago."""
        took = now - left
        usual = took if self._usual is None else min(took, self._usual + (took - self._usual) * LEARNING)
        self._usual = usual
        self._unanswered -= 1
        ago = max(usual - UNSURE, 0.0)
        self._arrived.append(now - ago)
        return ago

    def wait(self, now: float, most: int) -> float:
        """Seconds until one more may leave so that no second holds more than `most`; 0 when it may leave now."""
        while self._arrived and self._arrived[0] <= now - WINDOW:
            self._arrived.popleft()
        if self._unanswered + len(self._arrived) < most:
            return 0.0
        return min(self._arrived[0] + WINDOW - now, PEEK) if self._arrived else PEEK


class _Lane:
    """One pace: `full` calls per second, less when Stripe refuses, growing back with time."""

    def __init__(self, full: float) -> None:
        self.turn = threading.Lock()
        self._full = full
        self._rate = full
        self._cut_at = 0.0
        self._next = 0.0
        self._arrivals = _Arrivals()

    def rate(self, now: float) -> float:
        """Calls per second at this moment."""
        return min(self._full, self._rate + self._full * (now - self._cut_at) / RECOVERY)

    def wait(self, now: float) -> float:
        """Seconds until the next call may leave; 0 or less when it may leave now."""
        return max(self._next - now, self._arrivals.wait(now, self.most))

    @property
    def most(self) -> int:
        """Calls that any second may hold."""
        return max(int(self._full * HEADROOM), 1)

    def leave(self, now: float) -> None:
        """Records that a call leaves now."""
        self._next = max(self._next, now - SLACK) + 1 / self.rate(now)
        self._arrivals.leaves()

    def answered(self, left: float, now: float) -> float:
        """Records that the call that left then has come back; it arrived that many seconds ago."""
        return self._arrivals.answered(left, now)

    def give_way(self, now: float) -> None:
        """A slower pace from now on; calls that were refused together count once."""
        if now - self._cut_at >= 1 or self._cut_at == 0.0:
            self._rate = max(self.rate(now) * KEPT, SLOWEST)
            self._cut_at = now


class Slots(Protocol):
    """Turns of calls to leave, which all processes take together."""

    def take(self, endpoint: str, endpoint_rate: float, account_rate: float) -> Any:
        """Takes the next turn, at these rates in calls per second; its `seconds` are those until its moment."""

    def ahead(self, turn: Any) -> tuple[int, int]:
        """How many calls ahead of it may have arrived in the last second: in all, and at the endpoint."""

    def answered(self, turn: Any, arrived: float) -> None:
        """Its call has come back; it arrived that many seconds ago."""


class Limiter:
    """Lets calls leave at the pace that Stripe allows; shared by all threads of one process and key.

    `slots` share it with other processes; without, this one is alone.

    endpoint_rate and total_rate are calls per second; clock is monotonic, in seconds.
    """

    def __init__(
        self,
        endpoint_rate: float = ENDPOINT_RATE,
        total_rate: float = LIVE_RATE,
        *,
        slots: Slots | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if endpoint_rate <= 0 or total_rate <= 0:
            raise ValueError("a rate limit must be above 0 calls per second")
        self._granted = (endpoint_rate, total_rate)
        self._total = _Lane(total_rate)
        self._lanes: dict[str, _Lane] = {}
        self._mutex = threading.Lock()
        self._slots = slots
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def call(self, endpoint: str) -> Iterator[None]:
        """A context that is entered when a call to `endpoint` may leave, and left when it has come back.

        Callers queue up: only one watches the clock.
        """
        lane = self._lane(endpoint)
        with lane.turn:
            turn = self._turn(self._slots, endpoint, lane) if self._slots else None
            while (wait := self._leave(lane)) > 0:
                self._sleep(wait)
            left = self._clock()
        try:
            yield
        finally:
            arrived = self._answered(lane, left)
            if self._slots:
                self._slots.answered(turn, arrived)

    def slow_down(self, endpoint: str, reason: str) -> None:
        """Slows a pace after a 429, by Stripe's reason: the account's for global-*, otherwise the endpoint's."""
        with self._mutex:
            lane = self._total if reason.startswith("global") else self._lanes[endpoint]
            lane.give_way(self._clock())

    def per_minute(self) -> tuple[int, int]:
        """The most calls a minute to one endpoint, and in all, with Stripe willing."""
        endpoint, total = self._granted
        return int(endpoint * 60), int(total * 60)

    def rate(self, endpoint: str | None = None) -> float:
        """The present pace in calls per second: of an endpoint, or of all together."""
        lane = self._total if endpoint is None else self._lane(endpoint)
        return lane.rate(self._clock())

    def _lane(self, endpoint: str) -> _Lane:
        with self._mutex:
            return self._lanes.setdefault(endpoint, _Lane(self._granted[0]))

    def _turn(self, slots: Slots, endpoint: str, lane: _Lane) -> Any:
        """A turn whose moment has come, with few enough calls of all processes ahead."""
        turn = slots.take(endpoint, self.rate(endpoint), self.rate())
        self._sleep(turn.seconds)
        while any(ahead >= most for ahead, most in zip(slots.ahead(turn), (self._total.most, lane.most), strict=True)):
            self._sleep(PEEK)
        return turn

    def _leave(self, lane: _Lane) -> float:
        """0 when the call leaves, or the seconds to wait before asking again."""
        with self._mutex:
            now = self._clock()
            wait = max(lane.wait(now), self._total.wait(now))
            if wait > 0:
                return wait
            lane.leave(now)
            self._total.leave(now)
            return 0.0

    def _answered(self, lane: _Lane, left: float) -> float:
        with self._mutex:
            now = self._clock()
            self._total.answered(left, now)
            return lane.answered(left, now)
