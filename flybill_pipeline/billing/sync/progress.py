"""How far the sync of a month is and when it will be through, from what its runs report. No clock, no SQL.

Rates are whole calls per minute. A run is alive as long as its heartbeat is young; one that was killed falls silent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flybill_pipeline.billing.money.period import Month

SILENT_AFTER = timedelta(seconds=10)
"""A run that was not heard of for so long is taken for dead: it writes every second."""
LOOKED_BACK = timedelta(minutes=5)
"""So long back the pace is taken while no run has one: a close syncs shard after shard, a few seconds each."""
ENDPOINTS = 3
"""The endpoints that an invoice passes, one call or more to each: so many may be paced at once."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One run of the sync as it stands: what it has done since `started_at`, its pace, and the limits it keeps to."""

    run_id: str
    month: Month
    shard: int | None
    started_at: datetime
    beat_at: datetime
    calls: int
    rate_limited: int
    calls_per_minute: int
    endpoint_per_minute: int
    account_per_minute: int
    ended_at: datetime | None = None

    def alive(self, now: datetime) -> bool:
        """Whether the run is at work. A heartbeat from the future is one of a clock that was wrong: it says nothing."""
        return self.ended_at is None and abs(now - self.beat_at) <= SILENT_AFTER


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """The calls that a month still needs if all goes well, by endpoint."""

    customers: int
    creates: int
    lines: int
    finalizes: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.customers + self.creates + self.lines + self.finalizes

    @property
    def busiest(self) -> int:
        """Those to the endpoint that needs most."""
        return max(self.customers, self.creates, self.lines, self.finalizes)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """The sync of a month; `made` are the calls of all its runs so far.

    `left` and `finish` know the invoices that there are: a close finalizes shard after shard, so that organizations may
    still be `unsettled`, without an outcome of the month. `finish` is None unless a run is at work and has a pace.
    `stopped_at` is when the last run fell silent without ending: it was killed, or its machine died.
    """

    running: int
    made: int
    left: CallsLeft
    calls_per_minute: int
    limit_per_minute: int
    rate_limited: int
    finish: datetime | None
    stopped_at: datetime | None
    unsettled: int = 0


def progress(pulses: Sequence[Pulse], left: CallsLeft, now: datetime, unsettled: int = 0) -> SyncProgress:
    """What the runs of a month come to together; several keep to the same limits together."""
    alive = [pulse for pulse in pulses if pulse.alive(now)]
    past = [pulse for pulse in pulses if pulse.beat_at <= now + SILENT_AFTER]
    last = max(past, key=lambda pulse: pulse.beat_at, default=None)
    killed = last is not None and last.ended_at is None and not alive and left.total > 0
    endpoint = max((pulse.endpoint_per_minute for pulse in alive), default=0)
    account = max((pulse.account_per_minute for pulse in alive), default=0)
    pace = (sum(pulse.calls_per_minute for pulse in alive) or _recent_pace(pulses, now)) if alive else 0
    seconds = seconds_left(left, pace, endpoint, account)
    return SyncProgress(
        running=len(alive),
        made=sum(pulse.calls for pulse in pulses),
        left=left,
        calls_per_minute=pace,
        limit_per_minute=min(account, ENDPOINTS * endpoint),
        rate_limited=sum(pulse.rate_limited for pulse in pulses),
        finish=None if seconds is None else now + timedelta(seconds=seconds),
        stopped_at=last.beat_at if last is not None and killed else None,
        unsettled=unsettled,
    )


def _recent_pace(pulses: Sequence[Pulse], now: datetime) -> int:
    """The calls per minute of the runs that were at work of late, with the time between them."""
    recent = [pulse for pulse in pulses if abs(now - pulse.beat_at) <= LOOKED_BACK and pulse.started_at <= now]
    if not recent:
        return 0
    seconds = (now - min(pulse.started_at for pulse in recent)) // timedelta(seconds=1)
    return sum(pulse.calls for pulse in recent) * 60 // max(seconds, 1)


def seconds_left(left: CallsLeft, pace: int, endpoint: int, account: int) -> int | None:
    """Seconds that the calls take at this pace, and never less than the limits allow; None while there is no pace."""
    if pace <= 0 or endpoint <= 0 or account <= 0:
        return None
    return max(_seconds(left.total, pace), _seconds(left.busiest, endpoint), _seconds(left.total, account))


def progress_sentence(progress: SyncProgress, now: datetime) -> str:
    """One line for people; empty when nothing is left to do and nothing is at work."""
    needed = f"{progress.made:,} calls to Stripe made, {progress.left.total:,} left"
    if progress.running:
        pace = f"{_per_second(progress.calls_per_minute)} a second (limit {_per_second(progress.limit_per_minute)})"
        refused = f"{progress.rate_limited:,} refused by the rate limit"
        return f"syncing: {needed}, {pace}, {refused}; {_finish(progress.finish, now)}{_on_top(progress.unsettled)}"
    if progress.stopped_at is not None:
        return f"sync stopped at {progress.stopped_at:%Y-%m-%d %H:%M:%S} UTC without ending: {needed}"
    return f"sync is not running: {needed}" if progress.left.total else ""


def _finish(finish: datetime | None, now: datetime) -> str:
    if finish is None:
        return "no pace yet"
    minutes = _ceiling(int((finish - now).total_seconds()), 60)
    return f"done at about {finish:%H:%M:%S} UTC, in {minutes} min"


def _on_top(unsettled: int) -> str:
    if not unsettled:
        return ""
    return f"; not counted yet: {unsettled:,} organizations whose month is still to be finalized"


def _per_second(per_minute: int) -> str:
    tenths = (per_minute + 3) // 6
    return f"{tenths // 10}.{tenths % 10}"


def _seconds(calls: int, per_minute: int) -> int:
    return _ceiling(calls * 60, per_minute)


def _ceiling(amount: int, part: int) -> int:
    return -(-amount // part)
