"""An answer that takes long to find, and may be some seconds old. What is asked is no business of it."""

from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

SECONDS, MOST_SECONDS = 10, 60

Value = TypeVar("Value")


class Lately(Generic[Value]):
    """What `find` gave, at most MOST_SECONDS ago; from SECONDS on it is looked for again, and nobody waits for that.

    Who asks for the first time, or after nobody asked for so long, waits until it is found.
    """

    def __init__(self, find: Callable[[], Value], now: Callable[[], float] = monotonic) -> None:
        self._find, self._now, self._lock = find, now, Lock()
        self._found: tuple[float, Value] | None = None
        self._looking: Thread | None = None

    def __call__(self) -> Value:
        with self._lock:
            if self._found is None or self._now() - self._found[0] >= MOST_SECONDS:
                return self._look()
            if self._now() - self._found[0] >= SECONDS and not self._is_looking:
                self._looking = Thread(target=self._look_aside, daemon=True)
                self._looking.start()
            return self._found[1]

    @property
    def _is_looking(self) -> bool:
        return self._looking is not None and self._looking.is_alive()

    def _look(self) -> Value:
        self._found = self._now(), self._find()
        return self._found[1]

    def _look_aside(self) -> None:
        with suppress(Exception):  # what fails here fails for the next who waits, who is told
            self._look()
