"""What earlier months left open, on the bill of a later one. Whether a month is carried forward: outcomes.py."""

from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id


def carried_line(month: Month, org_id: str, currency: str, amount_minor: int) -> LineItem:
    """All that is open of the months before `month`, as one line; negative where it is owed to the customer."""
    return LineItem(
        kind="carried_forward",
        line_id=line_id("carried_forward", month, org_id),
        meter=None,
        dimensions={},
        service_month=month.previous(),
        quantity=Decimal(1),
        unit=None,
        amount=from_minor(amount_minor, currency),
        amount_minor=amount_minor,
        currency=currency,
        description=f"Carried over from earlier months: {format_money(amount_minor, currency)}",
    )
