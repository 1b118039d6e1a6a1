"""Items that are billed once, with the month they are dated in. What recurs is a subscription, and not here."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.working import WorkingStep


@dataclass(frozen=True, slots=True)
class OneOffItem:
    """One amount in minor units of `currency`, negative for a goodwill credit; never prorated."""

    item_id: str
    month: Month
    description: str
    amount_minor: int
    currency: str


def one_off_lines(items: Iterable[OneOffItem], month: Month) -> tuple[LineItem, ...]:
    """The lines of the items of `month`, ordered by id."""
    return tuple(_line(item) for item in sorted(items, key=lambda item: item.item_id) if item.month == month)


def given_minor(items: Iterable[OneOffItem], until: Month, currency: str) -> int:
    """What the items below zero of the months up to `until` give."""
    return -sum(
        item.amount_minor
        for item in items
        if item.amount_minor < 0 and item.month <= until and item.currency == currency
    )


def _line(item: OneOffItem) -> LineItem:
    amount = from_minor(item.amount_minor, item.currency)
    return LineItem(
        kind="one_off",
        line_id=line_id("one_off", item.month, item.item_id),
        meter=None,
        dimensions={},
        service_month=item.month,
        quantity=Decimal(1),
        unit=None,
        amount=amount,
        amount_minor=item.amount_minor,
        currency=item.currency,
        description=item.description,
        working=(WorkingStep("one_off", amount=amount, quantity=Decimal(1), unit_amount=amount),),
    )
