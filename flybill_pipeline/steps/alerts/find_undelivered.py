"""Finds that events do not reach the platform, or mails their customers: for hours, or not at all any more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from flybill_pipeline.billing.alerts.problems import Problem, Undelivered

TOLD_AFTER = 6
"""Attempts after which it is a problem: an hour of them."""
REMEMBERED = timedelta(days=7)
"""For so long it stays a problem that something was given up."""
TITLES = {
    "events": "{waiting} events wait for the platform",
    "mail": "{waiting} mails wait for customers",
}
REMEDY = {
    "events": "See `flybill events list --state waiting`; mend the receiver at FLYBILL_EVENTS_URL. What waits is sent "
    "within an hour, or at once by `flybill events send`; what was given up: `flybill events replay`.",
    "mail": "Check FLYBILL_SMTP_URL, and the customers' addresses: `error` in the table customer_mails. What waits is "
    "sent then.",
}


class Outbox(Protocol):
    """Something that is sent until it arrives."""

    def troubled(self, since: datetime, attempts: int) -> Undelivered | None: ...


def find_undelivered(events: Outbox, mails: Outbox, now: datetime) -> Iterator[Problem]:
    """What of the last days was tried so often, or given up."""
    for outbox in (events, mails):
        if (found := outbox.troubled(now - REMEMBERED, TOLD_AFTER)) is not None:
            yield Problem(
                key=f"undelivered/{found.channel}",
                title=TITLES[found.channel].format(waiting=found.waiting),
                what=f"Of the last try: {found.error}. {found.given_up} were given up.",
                who="the organizations that they tell of",
                cost="",
                remedy=REMEDY[found.channel],
                urgent=False,
            )
