"""What was waived is not given back: how much of a service month that is, as a line. Whether to waive: outcomes.py.

Nobody paid a waived month. So a correction that takes back what it billed would pay out money that never came in. All
invoices together ask for what a service month comes to, less what of it was waived, and never for less than nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
"""The kinds of lines that belong to no service month: what earlier months left open, and what was paid before."""


@dataclass(frozen=True, slots=True)
class WaivedMonth:
    """A month whose total was too small to bill, in minor units of `currency`, with all lines that came to it."""

    total_minor: int
    currency: str
    lines: Sequence[LineItem]


def waived_of(service_month: Month, waived: Iterable[WaivedMonth]) -> int:
    """What of a service month was waived, in minor units: the part that it has in each total, after discounts."""
    return sum(_shares(each).get(service_month, 0) for each in waived)


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


def _shares(waived: WaivedMonth) -> dict[Month | None, int]:
    """The total by service month; None has the part of what belongs to none."""
    comes_to = _by_service_month(waived.lines)
    months = [month for month, amount in comes_to.items() if amount > 0]
    parts = distribute(waived.total_minor, [comes_to[month] for month in months], waived.currency)
    return dict(zip(months, parts, strict=True))


def _by_service_month(lines: Sequence[LineItem]) -> Counter[Month | None]:
    month_of = {line.line_id: line.service_month for line in lines if line.kind not in PAYS}
    sums: Counter[Month | None] = Counter()
    for line in lines:
        if line.kind in PAYS:
            sums[None] += line.amount_minor
        else:
            sums.update(_months_of(line, month_of))
    return sums


def _months_of(line: LineItem, month_of: Mapping[str, Month]) -> Counter[Month | None]:
    """The amount of a line by service month. What is taken off a plan that is billed ahead is of the plan's month."""
    off = taken_off([line])
    if sum(off.values()) != -line.amount_minor:  # no discount, or only what changed of one
        return Counter({line.service_month: line.amount_minor})
    sums: Counter[Month | None] = Counter()
    for discounted, amount in off.items():
        sums[month_of.get(discounted, line.service_month)] -= amount
    return sums


def _id(service_month: Month, currency: str) -> str:
    return line_id("waived", service_month, currency)
