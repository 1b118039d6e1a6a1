"""That nobody reads payments is told after hours, with why and what to do; where nothing is to be read, nothing is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.steps.alerts.find_unread_payments import find_unread_payments

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(hours=7), NOW - timedelta(hours=5)
REFUSED = Poll(LONG_AGO, NOW, LONG_AGO, "Stripe does not permit this", "Give the key permission to read events.")


@dataclass(frozen=True)
class Known:
    """Stands for what is on record."""

    read: Poll
    unpaid_since: datetime | None = LONG_AGO
    pushed: bool = False

    def poll(self) -> Poll:
        return self.read

    def open_since(self) -> datetime | None:
        return self.unpaid_since

    def pushed_since(self, moment: datetime) -> bool:
        return self.pushed


@pytest.mark.parametrize(
    ("known", "what", "remedy"),
    [
        (Known(Poll(LONG_AGO, LONG_AGO)), "No run has read them", "stripe_events"),
        (Known(REFUSED), "does not permit", "permission to read events"),
        (Known(Poll(None, NOW, LONG_AGO, "The key is invalid", "Set another.")), "The key is invalid", "Set another"),
        (Known(Poll(LONG_AGO, NOW, LATELY, "Stripe failed", "Wait.")), "Stripe failed", "Wait"),
    ],
)
def test_payments_that_nobody_reads_are_a_problem(known: Known, what: str, remedy: str) -> None:
    (problem,) = find_unread_payments(known, NOW)
    assert problem.title == "payments have not been read since 2026-11-22 05:00 UTC"
    assert what in problem.what
    assert remedy in problem.remedy
    assert problem.urgent


@pytest.mark.parametrize(
    "known",
    [
        Known(Poll()),  # it was never switched on
        Known(Poll(LATELY, LATELY)),
        Known(Poll(None, NOW, LATELY, "Stripe failed", "Wait.")),
        Known(REFUSED, unpaid_since=None),
        Known(REFUSED, pushed=True),
    ],
)
def test_where_nothing_is_missed_nothing_is_told(known: Known) -> None:
    assert list(find_unread_payments(known, NOW)) == []
