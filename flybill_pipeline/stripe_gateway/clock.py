"""What Stripe's answers tell of its clock. Only Stripe's own answers are heard: those with a request id."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flybill_pipeline.billing.sync.clocks import ClockReading
from flybill_pipeline.stripe_gateway.shapes import NONSENSE

POSSIBLE_YEARS = range(2011, 2100)
"""Of an answer of Stripe's: another one would stand as the newest for ever, or was never."""


class AnswerClock:
    """The clock of the side that answers, as the newest answer shows it; `now` is ours. Threads may share it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._mutex = threading.Lock()
        self._newest: ClockReading | None = None

    def hear(self, headers: Mapping[str, str]) -> None:
        """Takes note of the date in the headers of an answer, if it is Stripe's own."""
        stripe_at = date_of(headers)
        if stripe_at is None:
            return
        reading = ClockReading(stripe_at, self._now() - stripe_at)
        with self._mutex:
            if self._newest is None or stripe_at >= self._newest.stripe_at:
                self._newest = reading

    def reading(self) -> ClockReading | None:
        """Stripe's time in the newest answer, and how far ours was from it; None before the first answer."""
        return self._newest


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """When Stripe answered, by its clock; None when the answer does not say so, or is not Stripe's own."""
    text = headers.get("date")
    if text is None or headers.get("request-id") is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None and moment.year in POSSIBLE_YEARS else None
    except NONSENSE:
        return None
