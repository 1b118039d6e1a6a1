"""Discounts of a settled month reckoned again: what they take off its lines as known now, less what they took off.

A discount follows what it discounted: a correction, a cancellation or late usage of a month meets that month's
discounts, on whichever invoice it is billed. How a discount takes a part is discounts.py's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.invoicing.late_usage import BilledLine, unbilled
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
    `billed` what settled months billed for both. `discounts` are those that held in the month when it was priced: their
    dates no longer matter. `currency` is the one that the month was billed in.
    """
    held = [replace(each, start=None, end=None) for each in discounts]
    base = [line for line in _of_its_invoice(month, lines, ahead, billed) if line.currency == currency]
    return discount_lines(base, held, currency, month)


def less_taken_off(month: Month, discounts: Sequence[LineItem], billed: Sequence[BilledLine]) -> tuple[LineItem, ...]:
    """`discounts` of a settled `month` less what they took off before, as lines of its own service month; often none.

    Billing again right after gives nothing.
    """
    before = [line for line in billed if line.kind == DISCOUNT and line.service_month == month]
    return tuple(line._replace(kind=DISCOUNT) for line in unbilled(discounts, before))


def _of_its_invoice(
    month: Month, lines: Sequence[LineItem], ahead: Sequence[LineItem], billed: Sequence[BilledLine]
) -> Iterator[LineItem]:
    """The lines that the invoice of `month` billed or would have: not what was billed in advance before it."""
    first: dict[str, Month] = {}
    for line in billed:
        first[line.line_id] = min(line.billed_in, first.get(line.line_id, line.billed_in))
    yield from (line for line in lines if first.get(line.line_id, month) >= month)
    yield from (line for line in ahead if first.get(line.line_id) == month)
