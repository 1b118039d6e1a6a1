"""Rate limits: a sliding window of one real second. Belongs here: counting and refusing. Does not: reporting peaks,
which come from the request log and also count what was refused (`report`)."""

from __future__ import annotations

import time
from collections import defaultdict, deque
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
