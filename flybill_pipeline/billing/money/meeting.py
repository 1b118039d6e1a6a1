"""Which payments meet what is due, where each may pay for some of it only. Whole amounts; nothing of invoices here."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

Due = TypeVar("Due", bound=Hashable)


class Meeting(Generic[Due]):
    """Payers that come one after the other; who came first stays paid for, if need be by another part of what is due.

    `rooms` has for each payer how much it may pay of what is `due`; below zero is nothing.
    """

    def __init__(self, rooms: Sequence[Mapping[Due, int]], due: Mapping[Due, int]) -> None:
        self._rooms = rooms
        self._left = Counter({each: amount for each, amount in due.items() if amount > 0})
        self._paid = [Counter[Due]() for _ in rooms]

    def pay(self, payer: int, amount: int) -> int:
        """How much of an amount the payer, by its place in `rooms`, can pay for beside all that is paid already."""
        paid = 0
        while paid < amount and (steps := self._way(payer)):
            paid += self._go(steps, amount - paid)
        return paid

    def _way(self, payer: int) -> list[tuple[int, Due]]:
        """From the payer to what nobody has paid yet: who pays for what, in place of the next; empty if there is none.

        The shortest one (Edmonds and Karp).
        """
        ways: dict[int, list[tuple[int, Due]]] = {payer: []}
        for place in (waiting := [payer]):
            for due, room in self._rooms[place].items():
                if self._paid[place][due] >= room:
                    continue
                way = [*ways[place], (place, due)]
                if self._left[due] > 0:
                    return way
                for other, paid in enumerate(self._paid):
                    if paid[due] > 0 and other not in ways:
                        ways[other] = way
                        waiting.append(other)
        return []

    def _go(self, steps: Sequence[tuple[int, Due]], most: int) -> int:
        """Each pays for its part, and the next gives that up for its own."""
        (*_, (_, last)) = steps
        given_up = [(other, due) for (_, due), (other, _) in pairwise(steps)]
        room = [self._rooms[place][due] - self._paid[place][due] for place, due in steps]
        amount = min(most, self._left[last], *room, *(self._paid[other][due] for other, due in given_up))
        for place, due in steps:
            self._paid[place][due] += amount
        for other, due in given_up:
            self._paid[other][due] -= amount
        self._left[last] -= amount
        return amount
