"""What FOCUS calls each kind of line: category, frequency, service, SKU, and whether it corrects an earlier month.

No amounts here.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from flybill_pipeline.billing.invoicing.after_discounts import PAYS
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT
from flybill_pipeline.billing.invoicing.outcomes import CARRIED_FORWARD, WAIVED
from flybill_pipeline.billing.invoicing.returned_credits import RETURNED
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem

USAGE, PURCHASE, CREDIT, OTHER = "Usage", "Purchase", "Credit", "Adjustment"
PRICED = (USAGE, PURCHASE)
"""The categories that have SKUs and unit prices."""


class Kind(NamedTuple):
    """What a kind of line is in FOCUS; `service` stands where the line has no meter."""

    category: str
    frequency: str
    service: str


KINDS: Mapping[str, Kind] = {
    "usage": Kind(USAGE, "Usage-Based", "Usage"),
    "subscription": Kind(PURCHASE, "Recurring", "Plans"),
    "one_off": Kind(PURCHASE, "One-Time", "Other services"),
    "true_up": Kind(OTHER, "Recurring", "Minimum spend"),
    "discount": Kind(CREDIT, "Recurring", "Discounts"),
    "credit": Kind(CREDIT, "One-Time", "Credits"),
    RETURNED: Kind(CREDIT, "One-Time", "Credits"),
    "carried_forward": Kind(OTHER, "One-Time", "Carried over"),
    ADJUSTMENT: Kind(OTHER, "One-Time", "Corrections"),
}
UNASKED: Mapping[str, tuple[Kind, str]] = {
    CARRIED_FORWARD: (KINDS["carried_forward"], "Carried over to a later invoice"),
    WAIVED: (Kind(CREDIT, "One-Time", "Waived"), "Waived: too small to be billed"),
}
"""What takes off what a month came to for which no invoice of it asks, by the month's outcome, and its description."""


def kind_of(line: LineItem) -> Kind:
    """What the line is; an adjustment is of the kind of what it corrects, a negative item is a credit."""
    kind = KINDS[line.kind]
    if line.kind == ADJUSTMENT and line.meter is not None:
        return kind._replace(category=USAGE, frequency="Usage-Based")
    if line.kind == ADJUSTMENT and "plan" in line.dimensions:
        return kind._replace(category=PURCHASE, service=KINDS["subscription"].service)
    if line.kind == "one_off" and line.amount_minor < 0:
        return kind._replace(category=CREDIT)
    return kind


def corrects(line: LineItem, month: Month) -> bool:
    """Whether the line of `month`'s invoice corrects what a closed month billed, or should have billed."""
    return line.kind in (ADJUSTMENT, RETURNED) or (line.service_month < month and line.kind not in PAYS)


def service_of(line: LineItem) -> str:
    """What people read of the meter, or what the line is."""
    return line.title or line.meter or kind_of(line).service


def sku_of(line: LineItem) -> str | None:
    """The same for whatever is sold at one place of a price list; None for what is not sold."""
    if kind_of(line).category not in PRICED:
        return None
    parts = [
        line.meter or kind_of(line).service,
        *(f"{name}={value}" for name, value in sorted(line.dimensions.items())),
    ]
    return "/".join(quote(part, safe="=:@ ") for part in parts)


def tags_of(*dimensions: Mapping[str, str]) -> dict[str, str]:
    """Dimensions that have a value; a later one counts."""
    return {name: value for each in dimensions for name, value in each.items() if value}
