"""How `flybill events list` answers: what a receiver was sent, and what it said."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flybill_pipeline.billing.alerts.events import Event
from flybill_pipeline.cli.render import screen


def events_data(found: Sequence[Event]) -> list[dict[str, Any]]:
    """The events as JSON."""
    return [
        {
            "event_id": event.event_id,
            "type": event.type,
            "org_id": event.org_id,
            "month": event.month,
            "state": event.state,
            "occurred_at": _iso(event.occurred_at),
            "attempts": event.attempts,
            "attempted_at": _iso(event.attempted_at),
            "status": event.status,
            "error": event.error,
            "delivered_at": _iso(event.delivered_at),
            "next_attempt_at": _iso(event.next_attempt_at) if event.state == "waiting" else None,
            "replays": event.replays,
            "data": event.data,
        }
        for event in found
    ]


def show_events(found: Sequence[Event]) -> None:
    """A row for each event."""
    if not found:
        screen.line("No events are kept.")
        return
    rows = [
        (
            event.event_id,
            event.type,
            event.org_id,
            f"{event.occurred_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            event.state.replace("_", " "),
            str(event.attempts),
            event.error or (str(event.status) if event.status else ""),
        )
        for event in found
    ]
    screen.table(("event", "type", "organization", "when (UTC)", "state", "tries", "answer"), rows, right=("tries",))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
