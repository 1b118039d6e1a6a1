"""Turns: how many answers of one caller are made at once. Further requests wait without a thread."""

from asyncio import Semaphore
from weakref import WeakValueDictionary


class Turns:
    """At most `most` at once of each caller. Of a caller who neither has a turn nor waits for one, nothing is kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()

    def of(self, caller: str) -> Semaphore:
        """What is held while an answer to the caller is made: `async with turns.of(caller)`."""
        turn = self._of.get(caller)
        if turn is None:
            turn = self._of[caller] = Semaphore(self._most)
        return turn
