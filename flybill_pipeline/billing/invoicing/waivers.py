"""What was waived is not given back: how much of a service month that is, as a line. Whether to waive: outcomes.py.

Nobody paid a waived month. So a correction that takes back what it billed would pay out money that never came in. All
invoices together ask for what a service month comes to, less what of it was waived, and never for less than nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from flybill_pipeline.billing.invoicing.after_discounts import AfterDiscounts, Group
from flybill_pipeline.billing.invoicing.items.discounts import taken_off
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT, BilledLine
from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.money.proration import distribute
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.working import WorkingStep


@dataclass(frozen=True, slots=True)
class WaivedMonth:
    """A month whose total was too small to bill, in minor units of `currency`.

    `lines` are all that came to it: those of the months that were carried into it, then its own. `earlier` are those of
    months that were settled before: what its discounts took off until then. Both begin with what was settled first.
    """

    total_minor: int
    currency: str
    lines: Sequence[LineItem]
    earlier: Sequence[LineItem] = ()


def waived_of(service_month: Month, currency: str, waived: Iterable[WaivedMonth]) -> int:
    """What of a service month was waived, in minor units: its part of each total that was, after discounts.

    It is never more than all invoices together asked for the month by then: where an earlier one had given something
    back, a part may only make up for that. `waived` begins with what was settled first.
    """
    share = 0
    for each in waived:
        if each.currency == currency:
            before, amounts = _by_service_month(each)
            asked = before[service_month] + amounts[service_month] - share
            share += min(spread_waived(each.total_minor, amounts, currency)[service_month], max(asked, 0))
    return share


def spread_waived(total_minor: int, amounts: Counter[Group], currency: str) -> Counter[Group]:
    """What of a waived total falls on each of the amounts that made it, in minor units; credits paid the rest."""
    billed = +amounts  # without what is below zero
    if not billed:
        return Counter()
    total = min(total_minor, billed.total())
    return Counter(dict(zip(billed, distribute(total, list(billed.values()), currency), strict=True)))


def not_given_back(
    service_month: Month, currency: str, waived_minor: int, comes_to_minor: int, before: Iterable[BilledLine] = ()
) -> tuple[LineItem, ...]:
    """The line that keeps what was waived from being given back; none where nothing of it is.

    `comes_to_minor` is the service month as known now, `before` what settled months billed for it: what they kept is
    not kept again, and is let go when the month comes to more again.
    """
    kept = sum(line.amount_minor for line in before if is_kept(line))
    amount_minor = max(waived_minor - max(comes_to_minor, 0), 0) - kept
    if not amount_minor:
        return ()
    amount, waived = from_minor(amount_minor, currency), format_money(waived_minor, currency)
    line = LineItem(
        kind=ADJUSTMENT,
        line_id=_id(service_month, currency),
        meter=None,
        dimensions={},
        service_month=service_month,
        quantity=Decimal(1),
        unit=None,
        amount=amount,
        amount_minor=amount_minor,
        currency=currency,
        description=f"Not given back: {waived} of this month was waived and never paid",
        working=(WorkingStep("waived", amount=amount),),
    )
    return (line,)


def is_kept(line: BilledLine | LineItem) -> bool:
    """Whether it is a line of `not_given_back`."""
    return line.line_id == _id(line.service_month, line.currency)


def after_discounts(lines: Sequence[LineItem], discounts: Iterable[LineItem]) -> int:
    """What lines come to when `discounts` have taken their part of them; what they take of other lines aside."""
    off = taken_off(discounts)
    return sum(line.amount_minor - off[line.line_id] for line in lines)


def _by_service_month(waived: WaivedMonth) -> tuple[Counter[Month], Counter[Month]]:
    """What came to each service month earlier, and what its lines come to."""
    sums = AfterDiscounts[Month](waived.currency, lambda line: line.service_month)
    return sums.add(waived.earlier), sums.add(waived.lines)


def _id(service_month: Month, currency: str) -> str:
    return line_id("waived", service_month, currency)
