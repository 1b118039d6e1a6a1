"""How `status` tells what the sync is doing right now, and its JSON."""

from dataclasses import asdict
from typing import Any

from rich.markup import escape

from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.progress import progress_sentence
from flybill_pipeline.cli.render import console
from flybill_pipeline.questions.sync_progress import SyncView


def show(view: SyncView) -> None:
    """A line when there is something to do or at work, and the one problem that stops everybody."""
    if sentence := progress_sentence(view.progress, view.at):
        console.out.print(escape(sentence))
    if view.breaker is not None:
        console.out.print(f"[red]Stripe[/red] ({view.breaker.cause}: {escape(view.breaker.code)})")
        console.out.print(f"  what happened: {escape(view.breaker.sentence)}")
        console.out.print(f"  what to do:    {escape(view.breaker.remedy)}")
        console.out.print(f"  customer sees: {escape(view.breaker.customer_message)}")


def data(view: SyncView) -> dict[str, Any]:
    """The members `syncing` and `stripe_breaker` of `flybill status --json`."""
    found = view.progress
    return {
        "syncing": {
            "running": found.running,
            "calls_made": found.made,
            "calls_left": found.left.total,
            "calls_left_by_endpoint": asdict(found.left),
            "calls_per_minute": found.calls_per_minute,
            "limit_per_minute": found.limit_per_minute,
            "rate_limited": found.rate_limited,
            "predicted_finish": found.finish and found.finish.isoformat(),
            "minutes_left": None if found.finish is None else -(-int((found.finish - view.at).total_seconds()) // 60),
            "stopped_at": found.stopped_at and found.stopped_at.isoformat(),
            "organizations_not_finalized": found.unsettled,
        },
        "stripe_breaker": None if view.breaker is None else _breaker_data(view.breaker),
    }


def _breaker_data(breaker: OpenBreaker) -> dict[str, Any]:
    times = {name: getattr(breaker, name).isoformat() for name in ("opened_at", "next_probe_at")}
    return {**asdict(breaker), **times, "customer_message": breaker.customer_message}
