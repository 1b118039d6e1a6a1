"""Finds that nobody reads what became of the invoices: who has paid is still told to owe. Reads nothing of Stripe's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flybill_pipeline.billing.alerts.problems import Problem
from flybill_pipeline.billing.payments.polls import Poll

TOLD_AFTER = timedelta(hours=6)
"""Payments are read twice a minute; when Stripe is down for an hour, nobody need be told."""
NO_RUN = "No run has read them since, and none has said why."
SEE_TO_IT = "See that the sensor stripe_events is on and its runs succeed; `flybill payments` reads them at once."


class Intake(Protocol):
    """What is on record of payments."""

    def poll(self) -> Poll: ...
    def open_since(self) -> datetime | None: ...
    def pushed_since(self, moment: datetime) -> bool: ...


def find_unread_payments(intake: Intake, now: datetime) -> Iterator[Problem]:
    """That payments were not read for hours, while invoices are unpaid as far as is known, and Stripe pushes nothing.

    Nothing where nobody ever tried to read them: it was not switched on.
    """
    poll = intake.poll()
    since = poll.read_up_to or poll.failing_since
    if since is None or now - since < TOLD_AFTER or intake.open_since() is None or intake.pushed_since(since):
        return
    yield Problem(
        key="payments_unread",
        title=f"payments have not been read since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        what=poll.failure if poll.failing_since and poll.failure else NO_RUN,
        who="customers who have paid since then: they are told that they owe",
        cost="",
        remedy=poll.remedy if poll.failing_since and poll.remedy else SEE_TO_IT,
    )
