"""How `status` tells what the sync is doing right now: calls left, pace, finish, and why it may stand still."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.progress import SyncProgress, progress_sentence
from flybill_pipeline.cli.render import console

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
