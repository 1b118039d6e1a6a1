"""What a bill comes to by each app, or by each value of any dimension of its usage. Of one line: portions.py."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.portions import shown_value


class Share(NamedTuple):
    """What of a bill has one value of a dimension, in minor units."""

    value: str
    amount_minor: int

    @property
    def name(self) -> str:
        """What people read of it."""
        return shown_value(self.value)


class Breakdown(NamedTuple):
    """A bill by the values of one dimension, the largest first.

    `without_minor` is usage that has none of them. `others_minor` is what is no usage: plans, one-off amounts,
    minimums, discounts, credits. All of it sums to the bill.
    """

    name: str
    shares: Sequence[Share]
    without_minor: int
    others_minor: int


def breakdowns(lines: Sequence[LineItem], *, beside_lines: bool = True) -> list[Breakdown]:
    """By each dimension that has one value in several parts of the bill. Else the lines, or their parts, say it.

    What is not `beside_lines` has to say it in any case. Where all usage has the same value there is nothing to tell
    apart.
    """
    usage = [part for line in lines if line.meter is not None for part in _parts(line)]
    used = sum(minor for _, minor in usage)
    found = []
    for name in sorted({name for dimensions, _ in usage for name in dimensions}):
        named = [(value, minor) for dimensions, minor in usage if (value := dimensions.get(name))]
        shares = _shares(named)
        without = used - sum(each.amount_minor for each in shares)
        told_already = beside_lines and len(shares) == len(named)
        if named and not told_already and (len(shares) > 1 or without):
            found.append(Breakdown(name, shares, without, total_minor(lines) - used))
    return found


def _parts(line: LineItem) -> Iterator[tuple[Mapping[str, str], int]]:
    if line.portions:
        yield from (({**line.dimensions, **each.dimensions}, each.amount_minor) for each in line.portions)
    else:
        yield line.dimensions, line.amount_minor


def _shares(named: Iterable[tuple[str, int]]) -> list[Share]:
    sums: dict[str, int] = {}
    for value, minor in named:
        sums[value] = sums.get(value, 0) + minor
    return sorted(map(Share._make, sums.items()), key=lambda each: (-abs(each.amount_minor), each.value))
