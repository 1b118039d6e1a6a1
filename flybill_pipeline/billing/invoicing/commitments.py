"""A contract's minimum spend over everything it buys, as a true-up line. The minimum of one price is rating's."""

from collections.abc import Iterable
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id, total_minor
from flybill_pipeline.billing.pricing.working import WorkingStep


def true_up_line(
    lines: Iterable[LineItem],
    contract: str,
    minimum_minor: int,
    currency: str,
    month: Month,
    billed_before_minor: int = 0,
) -> LineItem | None:
    """What is missing from the month's `lines` to the minimum (minor units), as a line; None when nothing is.

    A commitment is due without any usage too. It counts lines of this service month only: what is billed late for
    another month belongs to that month's commitment. `billed_before_minor` is what of the month was billed in advance.
    """
    spent_minor = billed_before_minor + total_minor(line for line in lines if line.service_month == month)
    if spent_minor >= minimum_minor:
        return None
    amount_minor = minimum_minor - spent_minor
    amount, limit = from_minor(amount_minor, currency), from_minor(minimum_minor, currency)
    minimum, spent = format_money(minimum_minor, currency), format_money(spent_minor, currency)
    return LineItem(
        kind="true_up",
        line_id=line_id("true_up", month, contract),
        meter=None,
        dimensions={},
        service_month=month,
        quantity=Decimal(1),
        unit=None,
        amount=amount,
        amount_minor=amount_minor,
        currency=currency,
        description=f"Minimum of {minimum} a month, {spent} of it used",
        working=(WorkingStep("minimum_spend", amount=amount, limit=limit),),
    )
