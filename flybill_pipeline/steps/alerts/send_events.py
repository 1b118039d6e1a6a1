"""Sends events to the platform, in order for each organization, until each is taken or given up.

An event that is not taken holds back the later ones of its organization; others go on. What is sent is made once, and
is the same in every attempt. Safe to run twice at once.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from flybill_pipeline.billing.alerts.deliveries import LONGEST_WAIT, MOST_ATTEMPTS, wait_after
from flybill_pipeline.billing.alerts.events import Event, cloud_event

KEPT = timedelta(days=90)
"""For so long an event is kept, and can be sent again."""
LEASE = timedelta(minutes=5)
"""For so long an event is one sender's; longer than its turn takes."""
TURN_SECONDS = 45.0
"""What sending may take of one look; the rest waits for the next."""
MOST_AT_ONCE = 20
BUSY = (429, 502, 503, 504)
"""With these a receiver has too much to do, whatever it is sent."""
BUSY_TIMES = 3
"""After so many events in a row without any answer, or with one of those, it is left alone until the next look."""


class Taken(Protocol):
    """What became of a posting."""

    @property
    def status(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def retry_after(self) -> int | None: ...


class Endpoint(Protocol):
    """Where the platform takes events."""

    def send(self, event_id: str, content: bytes, now: datetime) -> Taken: ...


class Outbox(Protocol):
    """The events that were written down."""

    def take_due(self, now: datetime, until: datetime, most: int) -> list[Event]: ...
    def keep_data(self, event: Event, data: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def release(self, event: Event) -> None: ...
    def delivered(self, event: Event, status: int, now: datetime) -> None: ...
    def failed(
        self, event: Event, status: int | None, error: str, now: datetime, next_attempt_at: datetime | None
    ) -> None: ...
    def purge(self, before: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class NotMade:
    """What became of an event that was never posted."""

    error: str
    status: int | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """Where events go, as what they are told, and what each of them says."""

    endpoint: Endpoint
    source: str
    data_of: Callable[[Event], Mapping[str, Any]]


@dataclass(slots=True)
class Sent:
    """What one look brought."""

    delivered: int = 0
    failed: int = 0


def send_events(
    outbox: Outbox, platform: Platform | None, now: Callable[[], datetime], clock: Callable[[], float] = time.monotonic
) -> Sent:
    """Sends what is due, for as long as a turn takes. Without a platform nothing is sent; what is old is forgotten."""
    sent, busy, end = Sent(), 0, clock() + TURN_SECONDS
    outbox.purge(now() - KEPT)
    while platform is not None and busy < BUSY_TIMES and clock() < end:
        due = outbox.take_due(now(), now() + LEASE, MOST_AT_ONCE)
        if not due:
            break
        for event in due:
            if busy >= BUSY_TIMES or clock() >= end:
                outbox.release(event)
                continue
            taken = _posted(outbox, platform, event, now())
            busy = busy + 1 if taken.status is None or taken.status in BUSY else 0
            sent.delivered += taken.error is None
            sent.failed += taken.error is not None
    return sent


def _posted(outbox: Outbox, platform: Platform, event: Event, now: datetime) -> Taken:
    taken = _sent(outbox, platform, event, now)
    if taken.error is None:
        outbox.delivered(event, taken.status or 0, now)
    else:
        last = event.attempts + 1 >= MOST_ATTEMPTS
        outbox.failed(event, taken.status, taken.error, now, None if last else now + _wait(event, taken))
    return taken


def _sent(outbox: Outbox, platform: Platform, event: Event, now: datetime) -> Taken:
    try:
        data = event.data if event.data is not None else outbox.keep_data(event, platform.data_of(event))
        content = cloud_event(replace(event, data=data), platform.source)
    except Exception as error:  # a mistake of ours in one event must not hold back those of other organizations
        return NotMade(f"this event could not be made ({type(error).__name__})")
    return platform.endpoint.send(event.event_id, content, now)


def _wait(event: Event, taken: Taken) -> timedelta:
    """What the receiver asked for, but no longer than we would wait at most; else a wait that doubles."""
    asked = timedelta(seconds=taken.retry_after or 0)
    return max(wait_after(event.attempts), min(asked, LONGEST_WAIT))
