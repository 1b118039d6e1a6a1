"""Waits for what other processes do. What this process does itself is there when it returns: nothing of it is here."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], what: str = "it", seconds: float = 40) -> None:
    """Waits for something to become true; the time is for a machine that is far too busy.

    The longer it takes the seldomer it is looked for: to look is work too, of this process and of those waited for.
    """
    deadline, pause = time.monotonic() + seconds, 0.02
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(pause)
        pause = min(pause * 1.2, 0.5)
