"""How a line is shown by dimensions of its usage, such as its apps: a breakdown beside the line, which sums to it.

No amount of a bill is made here: the line has one price, one rounding and one amount, whatever it is shown by.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import ZERO, exact, plain
from flybill_pipeline.billing.money.proration import distribute
from flybill_pipeline.billing.usage.graphemes import cut_short
from flybill_pipeline.billing.usage.texts import in_one_line

Values = tuple[tuple[str, str], ...]
"""Names and values of dimensions, sorted by name."""

_LONGEST_NAME = 60


class Portion(NamedTuple):
    """What of a line's usage has these values, and the share of the line's amount that is shown for it.

    `quantity` is in the unit of the line, before any rounding of the whole to started units.
    """

    dimensions: Mapping[str, str]
    quantity: Decimal
    amount_minor: int

    @property
    def name(self) -> str:
        """What people read: the values, or what has none."""
        values = [shown_value(value) for _, value in sorted(self.dimensions.items()) if value]
        return " · ".join(values) or f"without {' and '.join(sorted(self.dimensions))}"


def shown_value(value: str) -> str:
    """What people read of a value: in one line, and not too long."""
    return cut_short(in_one_line(value), _LONGEST_NAME)


def portions_of(used: Mapping[Values, Decimal], amount_minor: int, currency: str) -> tuple[Portion, ...]:
    """`amount_minor` of a line shared by quantity, in order of the values: the portions sum to it exactly.

    Values whose corrections outweigh their usage, where the line as a whole has usage, have no share: so no portion is
    larger than the line. None where quantities come to nothing, as there is nothing to share by.
    """
    with exact():
        whole = sum(used.values(), ZERO)
        if not whole:
            return ()
        ordered = sorted(used)
        sign = 1 if whole > 0 else -1
        shares = distribute(amount_minor, [max(sign * used[key], ZERO) for key in ordered], currency)
    return tuple(Portion(dict(key), used[key], share) for key, share in zip(ordered, shares, strict=True))


def less(now: Sequence[Portion], before: Sequence[Sequence[Portion]]) -> tuple[Portion, ...]:
    """What of each portion is more than in those `before`, or less; those that did not change are left out.

    None where one of them was not shown by the same dimensions: then there is nothing to compare.
    """
    names = {tuple(sorted(each.dimensions)) for portions in (now, *before) for each in portions}
    if len(names) != 1 or not all(before):
        return ()
    changes: dict[Values, tuple[Decimal, int]] = {}
    with exact():
        for sign, portion in _signed(now, before):
            key = tuple(sorted(portion.dimensions.items()))
            quantity, amount_minor = changes.get(key, (ZERO, 0))
            changes[key] = (quantity + sign * portion.quantity, amount_minor + sign * portion.amount_minor)
    return tuple(Portion(dict(key), *changes[key]) for key in sorted(changes) if any(changes[key]))


def _signed(now: Sequence[Portion], before: Sequence[Sequence[Portion]]) -> Iterator[tuple[int, Portion]]:
    yield from ((1, portion) for portion in now)
    yield from ((-1, portion) for portions in before for portion in portions)


def together(portions: Iterable[Sequence[Portion]]) -> tuple[Portion, ...]:
    """The portions of several lines as those of one; none where one of these lines has none, or others."""
    taken = list(portions)
    return tuple(each._replace(quantity=-each.quantity, amount_minor=-each.amount_minor) for each in less((), taken))


def portions_words(portions: Sequence[Portion], currency: str, room: int) -> str:
    """Such as ". By app: web $18.80, worker $3.10, 12 others $1.00", of at most `room` characters; else nothing.

    The largest come first; those that cost nothing are not named.
    """
    paid = sorted(
        (each for each in portions if each.amount_minor), key=lambda each: (-abs(each.amount_minor), each.name)
    )
    if not paid:
        return ""
    text, left = f". By {' and '.join(sorted(paid[0].dimensions))}:", sum(each.amount_minor for each in paid)
    best = ""
    for place, each in enumerate(paid, start=1):
        text += f" {each.name} {format_money(each.amount_minor, currency)}"
        left -= each.amount_minor
        others = len(paid) - place
        closed = f"{text}, {others} other{'s' if others > 1 else ''} {format_money(left, currency)}" if others else text
        if len(text) > room:
            break
        best = closed if len(closed) <= room else best
        text += ","
    return best


def portions_data(portions: Iterable[Portion]) -> list[dict[str, Any]]:
    """The portions as JSON-able data."""
    return [
        {
            "dimensions": dict(each.dimensions),
            "quantity": plain(each.quantity),
            "amount_minor": each.amount_minor,
        }
        for each in portions
    ]


def portions_from(data: Iterable[Mapping[str, Any]] | None) -> tuple[Portion, ...]:
    """The portions that `portions_data` gave as `data`."""
    return tuple(Portion(each["dimensions"], Decimal(each["quantity"]), each["amount_minor"]) for each in data or ())
