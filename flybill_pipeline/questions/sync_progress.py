"""What the sync of a month is doing right now: calls left, pace, finish, and why it may stand still."""

from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.clocks import ClockReading
from flybill_pipeline.billing.sync.progress import SyncProgress
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class SyncNow:
    """The sync of a month at a moment; `breaker` is why nobody calls Stripe, None when calls are made.

    `clock` is Stripe's clock beside ours in the newest answer, None before the first.
    """

    at: datetime
    progress: SyncProgress
    breaker: OpenBreaker | None
    clock: ClockReading | None = None

    @property
    def minutes_left(self) -> int | None:
        """Minutes until the predicted finish, rounded up; None where none is predicted."""
        return None if self.progress.finish is None else -(-int((self.progress.finish - self.at).total_seconds()) // 60)


def sync_progress(tools: Toolbox, month: Month) -> SyncNow:
    """Reads the heartbeats, the breaker and the clocks; Stripe is not asked."""
    now, ledger = tools.now(), tools.sync_ledger
    return SyncNow(now, ledger.runs.progress(month, now), ledger.breaker.state(now), ledger.clock.reading())
