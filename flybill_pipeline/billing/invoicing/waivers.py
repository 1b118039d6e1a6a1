"""What was waived is not given back: how much of a service month that is, as a line. Whether to waive: outcomes.py.

Nobody paid a waived month. So a correction that takes back what it billed would pay out money that never came in. All
invoices together ask for what a service month comes to, less what of it was waived, and never for less than nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from flybill_pipeline.billing.invoicing.items.discounts import taken_off
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT, BilledLine
from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.money.proration import distribute
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.working import WorkingStep

PAYS = frozenset({"carried_forward", "credit"})
"""The kinds of lines that bill nothing new: they bring over what earlier months left open, or pay with a credit."""


@dataclass(frozen=True, slots=True)
class WaivedMonth:
    """A month whose total was too small to bill, in minor units of `currency`.

    `lines` are all that came to it: the month's own, and those of the months that were carried into it.
    """

    total_minor: int
    currency: str
    lines: Sequence[LineItem]


def waived_of(service_month: Month, currency: str, waived: Iterable[WaivedMonth]) -> int:
    """What of a service month was waived, in minor units: its part of all that was, after discounts."""
    of_currency = [each for each in waived if each.currency == currency]
    lines = [line for each in of_currency for line in each.lines if _bills(line, currency)]
    comes_to = {month: amount for month, amount in _by_service_month(lines).items() if amount > 0}
    if service_month not in comes_to:
        return 0
    total = min(sum(each.total_minor for each in of_currency), sum(comes_to.values()))
    shares = dict(zip(comes_to, distribute(total, list(comes_to.values()), currency), strict=True))
    return shares[service_month]


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


def is_kept(line: BilledLine) -> bool:
    """Whether it is a line of `not_given_back`."""
    return line.line_id == _id(line.service_month, line.currency)


def after_discounts(lines: Sequence[LineItem], discounts: Iterable[LineItem]) -> int:
    """What lines come to when `discounts` have taken their part of them; what they take of other lines aside."""
    off = taken_off(discounts)
    return sum(line.amount_minor - off[line.line_id] for line in lines)


def _bills(line: LineItem, currency: str) -> bool:
    return line.kind not in PAYS and line.currency == currency


def _by_service_month(lines: Sequence[LineItem]) -> Counter[Month]:
    """What lines come to for each service month. What is taken off a plan that was billed ahead is of the plan's."""
    month_of = {line.line_id: line.service_month for line in lines}
    sums: Counter[Month] = Counter()
    for discount, of_discount in _discounts(lines).items():
        off = taken_off(of_discount[-1:])  # of the newest working, which says what it takes off by now
        whole = sum(line.amount_minor for line in of_discount)
        if whole != -sum(off.values()):  # not all of its lines are here
            off = Counter({discount: -whole})
        for discounted, amount in off.items():
            sums[month_of.get(discounted, of_discount[0].service_month)] -= amount
    for line in lines:
        if line.kind != "discount":
            sums[line.service_month] += line.amount_minor
    return sums


def _discounts(lines: Iterable[LineItem]) -> dict[str, list[LineItem]]:
    by_id: dict[str, list[LineItem]] = {}
    for line in lines:
        if line.kind == "discount":
            by_id.setdefault(line.line_id, []).append(line)
    return by_id


def _id(service_month: Month, currency: str) -> str:
    return line_id("waived", service_month, currency)
