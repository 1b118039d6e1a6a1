"""The heartbeat of one run: every second it writes what was done. No calls, no judging."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from flybill_pipeline.billing.sync.progress import Pulse, progress_sentence
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.ports import Ledger
from flybill_pipeline.steps.sync.tally import Tally

BEAT = 1.0
"""Seconds between two beats."""
MEASURED_OVER = timedelta(seconds=30)
"""The pace is that of the last so many seconds."""
TELL_EVERY = timedelta(seconds=30)


class Heartbeat:
    """A context: beats while the run is inside; `on_beat` is called each time.

    With each beat Stripe's clock is kept, as the newest answer showed it.
    """

    def __init__(
        self, ledger: Ledger, scope: SyncScope, tally: Tally, options: RunOptions, on_beat: Callable[[], None]
    ) -> None:
        self._runs, self._scope, self._tally = ledger.runs, scope, tally
        self._kept_clock, self._stripe_clock = ledger.clock, options.stripe_clock
        self._pace, self._clock, self._tell = options.pace, options.clock, options.tell
        self._on_beat = on_beat
        self._run_id = uuid4().hex
        self._started = self._told = self._clock()
        self._measured = deque([(self._started, 0)])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="sync-heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._runs.beat(self._pulse(self._clock(), ended=True))
        self._keep_clock()

    def _go_on(self) -> None:
        while not self._ended.wait(BEAT):
            self._beat()

    def _beat(self) -> None:
        now = self._clock()
        self._runs.beat(self._pulse(now))
        self._keep_clock()
        self._on_beat()
        if now - self._told >= TELL_EVERY:
            self._told = now
            scope = self._scope
            progress = self._runs.progress(scope.month, now, scope.shard, scope.org_ids)
            self._tell(progress_sentence(progress, now))

    def _keep_clock(self) -> None:
        if (reading := self._stripe_clock()) is not None:
            self._kept_clock.keep(reading)

    def _pulse(self, now: datetime, *, ended: bool = False) -> Pulse:
        endpoint, account = self._pace.per_minute() if self._pace is not None else (0, 0)
        return Pulse(
            run_id=self._run_id,
            month=self._scope.month,
            shard=self._scope.shard,
            started_at=self._started,
            beat_at=now,
            calls=self._tally["calls"],
            rate_limited=self._tally["rate_limited"],
            calls_per_minute=self._per_minute(now),
            endpoint_per_minute=endpoint,
            account_per_minute=account,
            ended_at=now if ended else None,
        )

    def _per_minute(self, now: datetime) -> int:
        self._measured.append((now, self._tally["calls"]))
        while len(self._measured) > 2 and now - self._measured[0][0] > MEASURED_OVER:
            self._measured.popleft()
        (since, before), (until, after) = self._measured[0], self._measured[-1]
        milliseconds = (until - since) // timedelta(milliseconds=1)
        return (after - before) * 60_000 // milliseconds if milliseconds > 0 else 0
