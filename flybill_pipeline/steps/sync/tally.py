"""Counts what one run of the sync did. Belongs here: numbers, from all threads. Does not: judging them."""

import threading
from collections import Counter
from collections.abc import Callable

from flybill_pipeline.billing.sync.values import Answer, Failure, T


class Tally:
    """Counters of one run; safe to share between threads. `on_success` hears of every step that got further.

    Not of what was only looked at: Stripe may show all that it has, and take nothing.
    """

    def __init__(self) -> None:
        self.on_success: Callable[[], None] = lambda: None
        self._mutex = threading.Lock()
        self._counts: Counter[str] = Counter()

    def counted(self, result: Answer[T] | Failure) -> Answer[T] | Failure:
        """Counts a call and how it went, and hands its result on."""
        names = ["calls"]
        if isinstance(result, Failure):
            names.append("failed")
            if result.code == "rate_limited":
                names.append("rate_limited")
            elif result.kind == "same_key":
                names.append("ambiguous")
        self.add(*names)
        return result

    def add(self, *names: str) -> None:
        """Adds one to each of these counters."""
        with self._mutex:
            self._counts.update(names)

    def __getitem__(self, name: str) -> int:
        with self._mutex:
            return self._counts[name]
