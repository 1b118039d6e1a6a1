"""Discounts of a settled month reckoned again: what they take off its lines as known now, less what they took off.

A discount follows what it discounted: a correction, a cancellation or late usage of a month meets that month's
discounts, on whichever invoice it is billed. How a discount takes a part is discounts.py's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines, taken_off
from flybill_pipeline.billing.invoicing.late_usage import BilledLine, difference, unbilled
from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem

DISCOUNT = "discount"


def held_in(month: Month, discounts: Iterable[Discount]) -> tuple[str, ...]:
    """The ids of the discounts that hold in the month, sorted."""
    return tuple(sorted(each.discount_id for each in discounts if each.applies_in(month)))


def reckoned(
    month: Month,
    lines: Sequence[LineItem],
    ahead: Sequence[LineItem],
    billed: Sequence[BilledLine],
    discounts: Sequence[Discount],
    currency: str,
) -> tuple[LineItem, ...]:
    """The discounts of a settled `month` as they come to now.

    `lines` is everything of the service month as known now, `ahead` what is now due in advance for the month after it,
    `billed` what settled months billed for both; what was settled first comes first. `discounts` are those that held in
    the month when it was priced: their dates no longer matter. `currency` is the one that it was billed in.
    """
    held = [replace(each, start=None, end=None) for each in discounts]
    base = [line for line in _of_its_invoice(month, lines, ahead, billed) if line.currency == currency]
    return discount_lines(base, held, currency, month)


def less_taken_off(
    month: Month, discounts: Sequence[LineItem], billed: Sequence[BilledLine], *, moved: bool = False
) -> tuple[LineItem, ...]:
    """`discounts` of a settled `month` less what they took off before, as lines of its own service month; often none.

    With `moved` also those that take off as much as before, and of other lines: who asks what each line comes to must
    know it. Billing again right after gives nothing.
    """
    before = [line for line in billed if line.kind == DISCOUNT and line.service_month == month]
    lines = [line._replace(kind=DISCOUNT) for line in unbilled(discounts, before)]
    if moved:
        told = {line.line_id for line in lines}
        lines += [line for line in _moved(discounts, before) if line.line_id not in told]
    return tuple(lines)


def _moved(discounts: Sequence[LineItem], before: Sequence[BilledLine]) -> Iterator[LineItem]:
    """Shares are rounded in the order of the lines, which may be another by now: one step more or less is no move."""
    for discount in discounts:
        parts = [part for part in before if part.line_id == discount.line_id]
        if parts:
            now, then = taken_off([discount]), taken_off(parts[-1:])
            step = currency_of(discount.currency).step
            if any(abs(now[line_id] - then[line_id]) > step for line_id in now | then):
                yield difference(discount, parts)._replace(kind=DISCOUNT)


def _of_its_invoice(
    month: Month, lines: Sequence[LineItem], ahead: Sequence[LineItem], billed: Sequence[BilledLine]
) -> Iterator[LineItem]:
    """The lines that the invoice of `month` billed or would have: not what was billed in advance before it."""
    first: dict[str, Month] = {}
    for line in billed:
        first.setdefault(line.line_id, line.billed_in)
    yield from (line for line in lines if first.get(line.line_id, month) >= month)
    yield from (line for line in ahead if first.get(line.line_id) == month)
