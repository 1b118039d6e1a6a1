"""Which invoice is next, who waits, when a run gives up or is stopped. Belongs here: order and time. Not: Stripe.

The biggest invoice goes first. One invoice goes ahead alone: until one is through, nothing else is sent, so that a bad
key costs a handful of calls and not one per worker. Failures in a row, whoever they hit, make the whole run pause.
"""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flybill_pipeline.billing.sync import Failure, SyncWork
from flybill_pipeline.steps.sync_row import Clock, Outcome

SAME_FAILURES = 5
"""So many orgs in a row refused for the same reason mean that the reason is not the org's."""
PEEK = 0.05
"""Seconds after which an idle worker looks again."""
TAKEN_WAIT = timedelta(seconds=1)
"""How long an org is left alone that another worker or process is busy with."""
HOLD_AFTER, LONGEST_HOLD = 5, 20.0
"""Failures in a row before the run pauses, and the longest pause in seconds."""


@dataclass(order=True)
class Turn:
    """One invoice in the queue, ordered by size. `waits`: see `Outcome`."""

    size: int
    work: SyncWork = field(compare=False)
    waits: int = field(default=0, compare=False)


class WorkQueue:
    """The open invoices of one run, shared by its workers.

    `patience` is how many seconds the run goes on without a single success. `stopped` says why a run ended early.
    """

    def __init__(
        self,
        works: Iterable[SyncWork],
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        workers: int,
        patience: float,
    ) -> None:
        self._ready = [Turn(-work.subtotal_minor, work) for work in works]
        heapq.heapify(self._ready)
        self._delayed: list[tuple[datetime, Turn]] = []
        self._clock, self._sleep = clock, sleep
        self._workers = workers
        self._patience = timedelta(seconds=patience)
        self._mutex = threading.Lock()
        self._in_flight = 0
        self._proven = False
        self._abandoned = False
        self._failures_in_a_row = 0
        self._refused: list[str] = []
        self._last_success = self._hold_until = clock()
        self.ends: Counter[str] = Counter()
        self.stopped: Failure | None = None

    def stopping(self) -> bool:
        """Whether nothing more may be sent in this run."""
        return self._abandoned or self.stopped is not None

    def take(self) -> Turn | None:
        """The next invoice to work on; waits for one that is delayed; None when the run is over."""
        while True:
            with self._mutex:
                turn, over = self._next(self._clock())
            if turn is not None or over:
                return turn
            self._sleep(PEEK)

    def settle(self, turn: Turn, outcome: Outcome) -> None:
        """Records how the work ended; what has to wait comes back later."""
        with self._mutex:
            self._in_flight -= 1
            self.ends[outcome.end] += 1
            if outcome.end in ("waiting", "taken"):
                self._delay(turn, outcome)
            self._judge(outcome)

    def abandon(self) -> None:
        """The run was interrupted, or a worker died of a mistake: the others end after their present call."""
        self._abandoned = True

    def succeeded(self) -> None:
        """A call succeeded: the run is alive."""
        with self._mutex:
            self._last_success = self._clock()
            self._failures_in_a_row = 0

    def _next(self, now: datetime) -> tuple[Turn | None, bool]:
        while self._delayed and self._delayed[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._delayed)[1])
        if self._over(now):
            return None, True
        width = self._workers if self._proven else 1
        if not self._ready or self._in_flight >= width or now < self._hold_until:
            return None, False
        self._in_flight += 1
        return heapq.heappop(self._ready), False

    def _over(self, now: datetime) -> bool:
        """Whether no worker shall begin anything more. What is in flight may still come back, so that is waited for."""
        if self.stopping() or not (self._ready or self._delayed or self._in_flight):
            return True
        idle = self._failures_in_a_row > 0 or not self._ready
        return idle and not self._in_flight and now - self._last_success > self._patience

    def _delay(self, turn: Turn, outcome: Outcome) -> None:
        turn.waits = outcome.waits
        heapq.heappush(self._delayed, (outcome.until or self._clock() + TAKEN_WAIT, turn))

    def _judge(self, outcome: Outcome) -> None:
        """Draws the conclusions for the whole run."""
        match outcome.end:
            case "finalized" | "mismatch":
                self._proven = True
                self._refused.clear()
            case "stopped":
                self.stopped = self.stopped or outcome.failure
            case "blocked" if outcome.failure is not None:
                self._refused = [code for code in self._refused if code == outcome.failure.code]
                self._refused.append(outcome.failure.code)
                if len(self._refused) >= SAME_FAILURES:
                    self.stopped = outcome.failure
            case "waiting" if outcome.failure is not None:
                self._failures_in_a_row += 1
                if self._failures_in_a_row >= HOLD_AFTER:
                    seconds = min(0.5 * 2.0 ** (self._failures_in_a_row - HOLD_AFTER), LONGEST_HOLD)
                    self._hold_until = self._clock() + timedelta(seconds=seconds)
