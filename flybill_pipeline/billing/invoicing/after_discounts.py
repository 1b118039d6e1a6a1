"""What lines come to after discounts, by whatever they are grouped by. Neither what is waived nor what credits pay.

A discount is of the month of its invoice, and may take its part off a line of another one, such as a plan that is
billed ahead. So it counts where the lines do that it takes more off than before, or less.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from flybill_pipeline.billing.invoicing.items.discounts import taken_off
from flybill_pipeline.billing.pricing.line_items import LineItem

PAYS = frozenset({"carried_forward", "credit", "credit_returned"})
"""The kinds of lines that bill nothing new: they bring over what earlier months left open, or pay with a credit."""

Group = TypeVar("Group")


class AfterDiscounts(Generic[Group]):
    """Sums invoices one after the other, the oldest first: a discount is told as a difference to what it was before."""

    def __init__(self, currency: str, group_of: Callable[[LineItem], Group]) -> None:
        self._currency, self._group_of = currency, group_of
        self._groups: dict[str, Group] = {}
        self._taken: dict[str, Counter[str]] = {}

    def add(self, lines: Sequence[LineItem]) -> Counter[Group]:
        """What the lines of an invoice come to in minor units, by group; without those that bill nothing new."""
        sums: Counter[Group] = Counter()
        for line in lines:
            self._groups.setdefault(line.line_id, self._group_of(line))
        for line in lines:
            if line.kind in PAYS or line.currency != self._currency:
                continue
            sums[self._group_of(line)] += line.amount_minor
            if line.kind == "discount":
                self._spread(line, sums)
        return sums

    def _spread(self, discount: LineItem, sums: Counter[Group]) -> None:
        before, now = self._taken.get(discount.line_id, Counter()), taken_off([discount])
        self._taken[discount.line_id] = now
        own = self._group_of(discount)
        for discounted in before.keys() | now.keys():
            less = before[discounted] - now[discounted]
            sums[self._groups.get(discounted, own)] += less
            sums[own] -= less
