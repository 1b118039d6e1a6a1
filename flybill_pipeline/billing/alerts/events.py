"""Something that happened, as the platform is told of it: its types, and the CloudEvent that is sent. No sending."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TYPES = {
    "invoice.finalized": "an invoice was made, and does not change any more",
    "invoice.synced": "the invoice is at Stripe",
    "invoice.paid": "the invoice is paid",
    "invoice.voided": "the invoice was taken back at Stripe, so nothing is due for it",
    "payment.failed": "an attempt to collect it failed",
    "org.held": "the month of an organization waits for a person",
    "credit.exhausted": "what was left of a prepaid credit is used up",
    "usage.budget_reached": "a threshold of a budget is reached",
    "usage.forecast_above_budget": "the month may come to more than a budget",
    "usage.unusual_day": "a day came to far more than the days before it",
}
"""Each type of an event, and what happened then."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something to be told, before it is written down; `subject` is the id of what it is about."""

    type: str
    org_id: str
    month: str | None
    subject: str
    fact: Mapping[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `fact` is what was known as it happened; `data`, once it was made, is what is sent.

    `attempts` counts those that failed; `status` is the receiver's last answer, None where there was none.
    """

    event_no: int
    event_id: str
    type: str
    org_id: str
    month: str | None
    subject: str
    fact: Mapping[str, Any]
    occurred_at: datetime
    data: Mapping[str, Any] | None = None
    attempts: int = 0
    attempted_at: datetime | None = None
    next_attempt_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    delivered_at: datetime | None = None
    given_up_at: datetime | None = None
    replays: int = 0

    @property
    def state(self) -> str:
        """Where it stands on its way."""
        if self.delivered_at is not None:
            return "delivered"
        return "waiting" if self.given_up_at is None else "given_up"


def cloud_event(event: Event, source: str) -> bytes:
    """The event as CloudEvents 1.0 has it in JSON; `source` is the address of the system that tells it.

    The same event is the same bytes, however often it is sent.
    """
    envelope = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.type,
        "subject": event.org_id,
        "time": event.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": event.data,
    }
    return json.dumps(envelope, separators=(",", ":")).encode()
