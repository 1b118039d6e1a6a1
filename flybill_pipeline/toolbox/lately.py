"""An answer that takes long to find, and may be some seconds old. What is asked is no business of it."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

SECONDS = 10

Value = TypeVar("Value")


class Lately(Generic[Value]):
    """What `find` gave when it was last called, at most SECONDS ago. Who asks while it is looked for waits for that."""

    def __init__(self, find: Callable[[], Value], now: Callable[[], float] = monotonic) -> None:
        self._find, self._now, self._lock = find, now, Lock()
        self._found: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        with self._lock:
            if self._found is None or self._now() - self._found[0] >= SECONDS:
                self._found = self._now(), self._find()
            return self._found[1]
