"""What the sync of a month is doing right now: calls left, pace, finish, and why it may stand still."""

from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.progress import SyncProgress
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class SyncNow:
    """The sync of a month at a moment; `breaker` is why nobody calls Stripe, None when calls are made."""

    at: datetime
    progress: SyncProgress
    breaker: OpenBreaker | None

    @property
    def minutes_left(self) -> int | None:
        """Minutes until the predicted finish, rounded up; None where none is predicted."""
        return None if self.progress.finish is None else -(-int((self.progress.finish - self.at).total_seconds()) // 60)


def sync_progress(tools: Toolbox, month: Month) -> SyncNow:
    """Reads the heartbeats and the breaker; Stripe is not asked."""
    now = tools.now()
    return SyncNow(now, tools.sync_ledger.runs.progress(month, now), tools.sync_ledger.breaker.state(now))
