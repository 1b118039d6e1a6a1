"""Stripe's clock beside ours: what an answer tells of both, and when ours is said to be wrong. Reads no clock itself.

When something was made at Stripe is a moment of Stripe's clock; ours may be hours off. So a search there begins at a
moment that Stripe told us, and never at one that we read ourselves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

TOLERATED = timedelta(minutes=1)
"""An answer is on its way for seconds at most, and its date has no fractions."""
BETWEEN_THEIR_MACHINES = timedelta(minutes=5)
"""By how much the clocks of Stripe's own machines may differ."""
CLOCK_REMEDY = "Set the clock of this machine, and let it follow a time server (NTP)."


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Stripe's time in its newest answer, and how far our clock was ahead of it then (behind: negative)."""

    stripe_at: datetime
    ahead: timedelta

    @property
    def wrong(self) -> bool:
        """Whether one of the two clocks must be wrong."""
        return abs(self.ahead) > TOLERATED

    @property
    def sentence(self) -> str:
        """What an operator is told."""
        side = "ahead of" if self.ahead > timedelta(0) else "behind"
        there = f"{self.stripe_at:%Y-%m-%d %H:%M:%S} UTC there"
        return f"The clock of this machine is {_in_words(abs(self.ahead))} {side} Stripe's ({there})."


def search_from(known: datetime | None) -> datetime | None:
    """Where a search begins that must see all that was made after `known`, a moment of Stripe's clock; None: at the
    beginning of time.
    """
    return None if known is None else known - BETWEEN_THEIR_MACHINES


def _in_words(time: timedelta) -> str:
    minutes = time // timedelta(minutes=1)
    hours, days = minutes // 60, minutes // (24 * 60)
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
