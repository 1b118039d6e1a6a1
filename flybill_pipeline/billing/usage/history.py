"""Whether a number is usual, by its own history. Knows nothing of what is counted, and of no fixed threshold."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

LEAST_HISTORY = 3
"""With fewer numbers than these before it there is no usual."""

LEAST_DELIVERIES = 5
"""A source that delivered on so many of the seven days before is expected to deliver on the eighth."""


def usual(history: Sequence[int]) -> int | None:
    """The median of what came before (the lower one of two); None when too little did."""
    return sorted(history)[(len(history) - 1) // 2] if len(history) >= LEAST_HISTORY else None


def is_unusual(value: int, history: Sequence[int], times: int) -> bool:
    """Whether `value` is more than `times` the usual, or less than that part of it.

    False while there is no usual, or the usual is nothing: of that there are no parts.
    """
    median = usual(history)
    return median is not None and median > 0 and (value > median * times or value * times < median)


def silent_days(delivered: Collection[date], first: date, last: date) -> list[date]:
    """The days from `first` to `last` on which nothing came, although something did on most days of the week before."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day not in delivered and _deliveries(delivered, day) >= LEAST_DELIVERIES]


def _deliveries(delivered: Collection[date], day: date) -> int:
    return sum(day - timedelta(days=n) in delivered for n in range(1, 8))
