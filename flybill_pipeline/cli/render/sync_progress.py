"""How `status` tells what the sync is doing right now, and its JSON. The sentences are billing's."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.clocks import CLOCK_REMEDY, ClockReading
from flybill_pipeline.billing.sync.progress import progress_sentence
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.sync import DELAYS
from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.sync_progress import SyncNow


def show_sync(sync: SyncNow) -> None:
    """A line when there is something to do or at work, a wrong clock, and the one problem that stops everybody."""
    if sentence := progress_sentence(sync.progress, sync.at):
        screen.line(sentence)
    if sync.clock is not None and sync.clock.wrong:
        screen.line(screen.bad("clock"))
        screen.fields({"what happened": sync.clock.sentence, "what to do": CLOCK_REMEDY})
    if sync.breaker is not None:
        screen.line(screen.bad("Stripe"), f" ({sync.breaker.cause}: {sync.breaker.code})")
        screen.fields(
            {
                "what happened": sync.breaker.sentence,
                "what to do": sync.breaker.remedy,
                "customer sees": english(DELAYS[sync.breaker.cause]),
            }
        )


def sync_data(sync: SyncNow) -> dict[str, Any]:
    """The members `syncing`, `stripe_clock` and `stripe_breaker` of `flybill status --json`."""
    progress = sync.progress
    return {
        "syncing": {
            "running": progress.running,
            "calls_made": progress.made,
            "calls_left": progress.left.total,
            "calls_left_by_endpoint": asdict(progress.left),
            "calls_per_minute": progress.calls_per_minute,
            "limit_per_minute": progress.limit_per_minute,
            "rate_limited": progress.rate_limited,
            "predicted_finish": progress.finish and progress.finish.isoformat(),
            "minutes_left": sync.minutes_left,
            "stopped_at": progress.stopped_at and progress.stopped_at.isoformat(),
            "organizations_not_finalized": progress.unsettled,
        },
        "stripe_clock": None if sync.clock is None else _clock_data(sync.clock),
        "stripe_breaker": None if sync.breaker is None else _breaker_data(sync.breaker),
    }


def _clock_data(clock: ClockReading) -> dict[str, Any]:
    return {
        "stripe_at": clock.stripe_at.isoformat(),
        "ahead_seconds": clock.ahead // timedelta(seconds=1),
        "wrong": clock.wrong,
        "message": clock.sentence if clock.wrong else None,
    }


def _breaker_data(breaker: OpenBreaker) -> dict[str, Any]:
    times = {"opened_at": breaker.opened_at.isoformat(), "next_probe_at": breaker.next_probe_at.isoformat()}
    return {**asdict(breaker), **times, "customer_message": english(DELAYS[breaker.cause])}
