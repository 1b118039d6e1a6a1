"""Limits: requests in a sliding window of one real second, requests under way, and the locks of those. Belongs here:
counting and refusing. Does not: reporting peaks, which come from the request log and also count what was refused
(`report`)."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable

from .config import EmulatorConfig

WINDOW = 1.0
"""Seconds; Stripe states its limits per second."""


class RateLimiter:
    """Admits at most the configured number of requests in any window, per endpoint and per account mode."""

    def __init__(self, config: EmulatorConfig, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._monotonic = monotonic
        self._admitted: defaultdict[str, deque[float]] = defaultdict(deque)

    def refuse(self, endpoint: str, livemode: bool) -> str | None:
        """Admits one request and returns None, or returns Stripe's reason why it must wait."""
        now = self._monotonic()
        account = "live" if livemode else "test"
        if self._full(account, self._config.limit_for_mode(livemode), now):
            return "global-rate"
        if self._full(endpoint, self._config.limit_endpoint, now):
            return "endpoint-rate"
        self._admitted[account].append(now)
        self._admitted[endpoint].append(now)
        return None

    def _full(self, name: str, limit: int | None, now: float) -> bool:
        window = self._admitted[name]
        while window and window[0] <= now - WINDOW:
            window.popleft()
        return limit is not None and len(window) >= limit


class UnderWay:
    """The requests whose answers have not left yet: they count against the concurrency limits, and writes hold a lock.

    Requests are executed one at a time here, so only a slow answer is ever under way when another request comes.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._requests: dict[str, tuple[str, str | None]] = {}

    def begin(self, request_id: str, endpoint: str, lock: str | None) -> None:
        """A request whose answer takes its time; `lock` is the object that it writes to."""
        self._requests[request_id] = (endpoint, lock)

    def end(self, request_id: str) -> None:
        """Its answer has left, or its client has."""
        self._requests.pop(request_id, None)

    def refuse(self, endpoint: str) -> str | None:
        """Stripe's reason why one more request must wait, or None."""
        if self._limit is None:
            return None
        if len(self._requests) >= 4 * self._limit:
            return "global-concurrency"
        busy = Counter(endpoint for endpoint, _ in self._requests.values())
        return "endpoint-concurrency" if busy[endpoint] >= self._limit else None

    def locked(self, lock: str | None) -> bool:
        """Whether a request under way writes to the object."""
        return lock is not None and any(lock == held for _, held in self._requests.values())
