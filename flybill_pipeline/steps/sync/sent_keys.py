"""The keys that one run has sent itself, and when. What other processes sent, and how long ago, is never known here.

A moment that another process wrote down is a moment of its clock, which may have been hours off, or days. Only what
this run did itself has an age; of any other key nothing is known but that it was sent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from flybill_pipeline.billing.sync.clocks import TOLERATED

KEY_LIFETIME = timedelta(hours=23)
"""Stripe forgets a key after 24 hours, and would then do the same request twice."""
LATEST = timedelta(seconds=20)
"""So long after it was given up a request may still be executed: until then what it makes may be missing."""


class SentKeys:
    """Safe to share between the workers of a run."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._sent: dict[str, datetime] = {}
        self._met: dict[str, datetime] = {}

    def sends(self, key: str) -> None:
        """This run sends the key now; the first time counts."""
        self._sent.setdefault(key, self._clock())

    def sent_within(self, key: str | None, time: timedelta) -> bool:
        """Whether this run sent the key first, no longer ago than that; not when the clock went back since."""
        first = self._sent.get(key) if key else None
        return first is not None and -TOLERATED <= self._clock() - first <= time

    def may_still_be_executed(self, key: str) -> bool:
        """Whether a request that was given up may be under way at Stripe: this run has not known of it for long."""
        now = self._clock()
        known_for = now - self._met.setdefault(key, now)
        return -TOLERATED <= known_for < LATEST

    def forget(self, key: str | None) -> None:
        """Nothing more will be asked about the key."""
        if key is not None:
            self._sent.pop(key, None)
            self._met.pop(key, None)
