"""How long what did not arrive waits until it is sent again, and when it is given up. Who sends what: not here."""

from datetime import timedelta

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MOST_ATTEMPTS = 80
"""Then something is given up: it has been tried for three days."""


def wait_after(attempts: int) -> timedelta:
    """Until the next attempt, after so many that failed before the last one: it doubles, up to an hour."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(attempts, 10), LONGEST_WAIT)
    return wait
