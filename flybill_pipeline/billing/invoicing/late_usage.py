"""What is still to bill for a month that earlier invoices billed. Neither pricing nor how far to look back is here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion, less
from flybill_pipeline.billing.pricing.working import WorkingStep

ADJUSTMENT = "adjustment"
LESS_BILLED, TAKEN_BACK = ", less what was billed before", ": taken back"
"""What is put to the description of a line of which something was billed before."""


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A line of a settled month, as far as the difference needs it; `line_id` is what the priced line had.

    `billed_in` is the month whose invoice has it, `usage` the recorded quantity that it accounts for, as in LineItem.
    `working` is known of discounts only: it says what they take off which line.
    """

    billed_in: Month
    kind: str
    line_id: str
    meter: str | None
    dimensions: Mapping[str, str]
    service_month: Month
    quantity: Decimal
    unit: str | None
    amount_minor: int
    currency: str
    description: str
    usage: Decimal = ZERO
    title: str | None = None
    portions: tuple[Portion, ...] = ()
    working: tuple[WorkingStep, ...] = ()


def unbilled(now: Sequence[LineItem], billed: Iterable[BilledLine]) -> tuple[LineItem, ...]:
    """The lines of one service month, priced from all usage known now, less what was billed for it: the adjustments.

    Compared are rounded amounts, line by line: where they agree there is no line, so no fraction of a cent is billed
    twice. A line that comes to nothing is kept if it is new or accounts for more usage, as free usage is explained. A
    line that was billed and is priced no more is taken back. Adjustments keep the line's id, and so take part in the
    next difference: billing again right after gives nothing.
    """
    before = _by_line(billed)
    current = {line.line_id: line for line in now}
    lines = [difference(line, before.get(line.line_id, ())) for line in now]
    lines += [_taken_back(parts) for gone, parts in before.items() if gone not in current]
    return tuple(line for line in lines if line.amount_minor or line.usage or line.kind != ADJUSTMENT)


def as_billed(billed: Iterable[BilledLine]) -> list[LineItem]:
    """The lines of one service month as invoices have them together; without those that come to nothing."""
    taken_back = unbilled((), billed)
    return [line._replace(amount=-line.amount, amount_minor=-line.amount_minor, portions=()) for line in taken_back]


def _by_line(billed: Iterable[BilledLine]) -> dict[str, list[BilledLine]]:
    lines: dict[str, list[BilledLine]] = {}
    for line in billed:
        lines.setdefault(line.line_id, []).append(line)
    return lines


def difference(line: LineItem, before: Sequence[BilledLine]) -> LineItem:
    """The line less what was billed of it, which may come to nothing."""
    if not before:
        return line
    billed_minor = sum(part.amount_minor for part in before)
    amount_minor = line.amount_minor - billed_minor
    with exact():
        rounding = from_minor(line.amount_minor, line.currency) - line.amount
        quantity = line.quantity - sum((part.quantity for part in before), ZERO)
        usage = line.usage - sum((part.usage for part in before), ZERO)
    steps = [WorkingStep("rounding", amount=rounding)] if rounding else []
    steps.append(WorkingStep("already_billed", amount=from_minor(-billed_minor, line.currency)))
    return line._replace(
        kind=ADJUSTMENT,
        quantity=quantity,
        amount=from_minor(amount_minor, line.currency),
        amount_minor=amount_minor,
        description=line.description + LESS_BILLED,
        working=(*line.working, *steps),
        usage=usage,
        portions=_portions_left(line, before),
    )


def _portions_left(line: LineItem, before: Sequence[BilledLine]) -> tuple[Portion, ...]:
    """What of the difference is whose, where the line and all that was billed of it are shown by the same."""
    return less(line.portions, _portions(before)) if line.portions or not line.amount_minor else ()


def _portions(before: Sequence[BilledLine]) -> list[Sequence[Portion]]:
    return [part.portions for part in before if part.portions or part.amount_minor]


def _taken_back(before: Sequence[BilledLine]) -> LineItem:
    first = before[0]
    amount_minor = -sum(part.amount_minor for part in before)
    amount = from_minor(amount_minor, first.currency)
    with exact():
        quantity = -sum((part.quantity for part in before), ZERO)
        usage = -sum((part.usage for part in before), ZERO)
    return LineItem(
        kind=ADJUSTMENT,
        line_id=first.line_id,
        meter=first.meter,
        dimensions=first.dimensions,
        service_month=first.service_month,
        quantity=quantity,
        unit=first.unit,
        amount=amount,
        amount_minor=amount_minor,
        currency=first.currency,
        description=first.description + TAKEN_BACK,
        working=(WorkingStep("already_billed", amount=amount),),
        usage=usage,
        title=first.title,
        portions=less((), _portions(before)),
    )
