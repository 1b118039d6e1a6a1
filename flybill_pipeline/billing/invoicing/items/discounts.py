"""Discounts on the lines of one invoice, as lines of their own. Credits, which pay an invoice, are not discounts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from flybill_pipeline.billing.money.amounts import format_money, from_minor, to_minor
from flybill_pipeline.billing.money.decimals import exact, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.money.proration import distribute
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.working import WorkingStep


@dataclass(frozen=True, slots=True)
class Discount:
    """A part or an amount off the invoices of the months in [`start`, `end`); None is open.

    Either `percent` (0 to 100) or `amount_minor` (in `currency`) is given. `meters` limits it to lines of theirs.
    """

    discount_id: str
    name: str
    percent: Decimal | None = None
    amount_minor: int | None = None
    currency: str | None = None
    meters: frozenset[str] = frozenset()
    start: Month | None = None
    end: Month | None = None

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount_minor is None):
            raise ValueError(f"discount {self.discount_id!r} needs either percent or amount_minor")
        if self.percent is not None and not 0 <= self.percent <= 100:
            raise ValueError(f"discount {self.discount_id!r}: percent must be from 0 to 100, not {self.percent}")
        if self.amount_minor is not None and (self.amount_minor < 0 or self.currency is None):
            raise ValueError(f"discount {self.discount_id!r}: amount_minor must be 0 or more, with its currency")

    def applies_in(self, month: Month) -> bool:
        return (self.start is None or self.start <= month) and (self.end is None or month < self.end)


def discount_lines(
    lines: Sequence[LineItem], discounts: Iterable[Discount], currency: str, month: Month
) -> tuple[LineItem, ...]:
    """The discounts as negative lines: percentages first, one on what the other left, then fixed amounts.

    None takes more than is left of the lines it is for. Its working says what it takes off each of them, and sums to
    it.
    """
    left = {line.line_id: line.amount_minor for line in lines}
    made: list[LineItem] = []
    for discount in sorted(discounts, key=lambda d: (d.percent is None, d.discount_id)):
        if not discount.applies_in(month) or discount.currency not in {None, currency}:
            continue
        chosen = [line for line in lines if not discount.meters or line.meter in discount.meters]
        off = _off(discount, sum(left[line.line_id] for line in chosen), currency)
        if off > 0:
            shares = distribute(off, [max(left[line.line_id], 0) for line in chosen], currency)
            for line, share in zip(chosen, shares, strict=True):
                left[line.line_id] -= share
            made.append(_line(discount, chosen, shares, currency, month))
    return tuple(made)


class Worked(Protocol):
    """A line that says how it came about."""

    @property
    def currency(self) -> str: ...
    @property
    def working(self) -> tuple[WorkingStep, ...]: ...


def taken_off(discounts: Iterable[Worked]) -> Counter[str]:
    """What discounts take off each line, by its id, in minor units: as their working says."""
    off: Counter[str] = Counter()
    for discount in discounts:
        for step in discount.working:
            if step.step == "discount" and step.note is not None:
                off[step.note] -= to_minor(step.amount, discount.currency)
    return off


def _off(discount: Discount, base_minor: int, currency: str) -> int:
    """What the discount takes off a sum, in minor units; never more than the sum, and nothing off a credit."""
    if base_minor <= 0:
        return 0
    if discount.percent is None:
        return min(discount.amount_minor or 0, base_minor)
    with exact():
        return to_minor(from_minor(base_minor, currency) * discount.percent / 100, currency)


def _line(
    discount: Discount, lines: Sequence[LineItem], shares: Sequence[int], currency: str, month: Month
) -> LineItem:
    off = sum(shares)
    size = (
        f"{plain(discount.percent)}%"
        if discount.percent is not None
        else format_money(discount.amount_minor or 0, currency)
    )
    return LineItem(
        kind="discount",
        line_id=line_id("discount", month, discount.discount_id),
        meter=None,
        dimensions={},
        service_month=month,
        quantity=Decimal(1),
        unit=None,
        amount=from_minor(-off, currency),
        amount_minor=-off,
        currency=currency,
        description=f"{discount.name}: {size} off",
        working=tuple(
            WorkingStep("discount", amount=from_minor(-share, currency), note=line.line_id)
            for line, share in zip(lines, shares, strict=True)
            if share
        ),
    )
