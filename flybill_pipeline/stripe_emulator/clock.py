"""The virtual clock that dates every object and expires keys. Belongs here: time as Stripe sees it. Does not: rate
limits, which count real seconds, and what becomes due when time passes (`passage`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from .store import Store


class Clock:
    """Real time plus an offset that survives restarts; it only moves forward."""

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall = wall
        self._offset = int(store.recall("clock_offset", 0))

    def now(self) -> int:
        """Virtual Unix time in whole seconds."""
        return int(self._wall()) + self._offset

    def advance(self, seconds: int) -> int:
        """Moves the clock forward and returns the new time."""
        self._offset += seconds
        self._store.remember("clock_offset", self._offset)
        return self.now()

    def reset(self) -> None:
        """Back to real time (used with an emptied store)."""
        self._offset = 0
