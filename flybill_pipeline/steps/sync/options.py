"""How a run of the sync goes about its work: its workers, its patience, its clock. Not what it works on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flybill_pipeline.billing.sync.clocks import ClockReading
from flybill_pipeline.steps.sync.ports import Pace
from flybill_pipeline.steps.sync.row import Clock

WORKERS = 24
"""75 calls a second at 0.3 s each keep so many busy."""
SYNC_PATIENCE = timedelta(seconds=30)
"""How long a run goes on without any success before it leaves the rest waiting."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`pace` is the rate limit that all processes keep to together; `tell` hears now and then how far the run is.

    `stripe_clock` tells what the newest answer showed of Stripe's clock, None before the first.
    """

    workers: int = WORKERS
    patience: timedelta = SYNC_PATIENCE
    clock: Clock = _now
    sleep: Callable[[float], None] = time.sleep
    pace: Pace | None = None
    tell: Callable[[str], None] = lambda _: None
    stripe_clock: Callable[[], ClockReading | None] = lambda: None
