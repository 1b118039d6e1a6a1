"""Waits for what other processes do. What this process does itself is there when it returns: nothing of it is here."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], what: str = "it", seconds: float = 40) -> None:
    """Waits for something to become true; the time is for a machine that is far too busy."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.05)
