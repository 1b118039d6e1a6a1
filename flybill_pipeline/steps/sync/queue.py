"""Which invoice is next, and who waits until when. Belongs here: order and time. Not: Stripe, nor what failures mean.

The biggest invoice goes first, those of orgs that failed of late last. One invoice goes ahead alone: until one is
through, nothing else is sent, so that a bad key costs a handful of calls and not one per worker (`breaker.py` judges
that).
"""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flybill_pipeline.billing.sync.values import SyncWork
from flybill_pipeline.steps.sync.breaker import Judge
from flybill_pipeline.steps.sync.row import Clock, Ending

PEEK_SECONDS = 0.05
"""After so long an idle worker looks again."""
TAKEN_WAIT = timedelta(seconds=1)
"""How long an org is left alone that another worker or process is busy with."""

LONGEST_DELAY = timedelta(minutes=10)
"""Nobody waits for longer: a moment that is further away was set before the clock was set back."""


@dataclass(order=True)
class Turn:
    """One invoice in the queue, in order: by when its org failed last, then by size. `waits`: see `Ending`."""

    failed_at: datetime
    size: int
    work: SyncWork = field(compare=False)
    waits: int = field(default=0, compare=False)


class WorkQueue:
    """The open invoices of one run, shared by its workers; `judge` says when it pauses and when it is over early."""

    def __init__(
        self,
        works: Iterable[SyncWork],
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        workers: int,
        judge: Judge,
    ) -> None:
        failed_at = judge.suspects.failed_at
        self._ready = [Turn(failed_at(work.org_id), -work.subtotal_minor, work) for work in works]
        heapq.heapify(self._ready)
        self._delayed: list[tuple[datetime, Turn]] = []
        self._clock, self._sleep = clock, sleep
        self._workers = workers
        self._judge = judge
        self._mutex = threading.Lock()
        self._in_flight = 0
        self._abandoned = False
        self.ends: Counter[str] = Counter()

    def stopping(self) -> bool:
        """Whether nothing more may be sent in this run."""
        return self._abandoned or self._judge.stopped is not None

    def take(self) -> Turn | None:
        """The next invoice to work on; waits for one that is delayed; None when the run is over."""
        while True:
            with self._mutex:
                turn, over = self._next(self._clock())
            if turn is not None or over:
                return turn
            self._sleep(PEEK_SECONDS)

    def ended(self, turn: Turn, ending: Ending) -> None:
        """Records how the work ended; what has to wait comes back later."""
        with self._mutex:
            self._in_flight -= 1
            self.ends[ending.end] += 1
            if ending.end in ("waiting", "taken"):
                self._delay(turn, ending)
            self._judge.heard(turn.work.org_id, ending)

    def abandon(self) -> None:
        """The run was interrupted, or a worker died of a mistake: the others end after their present call."""
        self._abandoned = True

    def succeeded(self) -> None:
        """A step got further: the run is alive."""
        with self._mutex:
            self._judge.succeeded()

    def obey(self) -> None:
        """Ends the run when another process has stopped everybody."""
        with self._mutex:
            self._judge.obey()

    def _next(self, now: datetime) -> tuple[Turn | None, bool]:
        while self._delayed and not now < self._delayed[0][0] <= now + LONGEST_DELAY:
            heapq.heappush(self._ready, heapq.heappop(self._delayed)[1])
        if self._over():
            return None, True
        if not self._ready or self._in_flight >= self._judge.width(self._workers) or self._judge.holding():
            return None, False
        self._in_flight += 1
        return heapq.heappop(self._ready), False

    def _over(self) -> bool:
        """Whether no worker shall begin anything more. What is in flight may still come back, so that is waited for."""
        if self.stopping() or not (self._ready or self._delayed or self._in_flight):
            return True
        idle = self._judge.failing() or not self._ready
        return idle and not self._in_flight and self._judge.gives_up()

    def _delay(self, turn: Turn, ending: Ending) -> None:
        turn.waits = ending.waits
        heapq.heappush(self._delayed, (ending.until or self._clock() + TAKEN_WAIT, turn))
