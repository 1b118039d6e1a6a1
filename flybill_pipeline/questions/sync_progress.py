"""What the sync of a month is doing right now: calls left, pace, finish, and why it may stand still."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.progress import SyncProgress

if TYPE_CHECKING:
    from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class SyncView:
    """The sync of a month at a moment; `breaker` is why nobody calls Stripe, None when calls are made."""

    at: datetime
    progress: SyncProgress
    breaker: OpenBreaker | None


def look(tools: "Toolbox", month: Month) -> SyncView:
    """Reads the heartbeats and the breaker; Stripe is not asked."""
    now = tools.now()
    return SyncView(now, tools.sync_ledger.runs.progress(month, now), tools.sync_ledger.breaker.state())
