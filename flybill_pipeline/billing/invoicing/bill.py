"""The order in which the parts of one org's bill come together. What each part comes to is its own module's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flybill_pipeline.billing.invoicing.commitments import true_up_line
from flybill_pipeline.billing.invoicing.items.credits import Credit, apply_credits
from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.prices import Contract


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of one org's month in their order, and its credits as they are afterwards."""

    lines: tuple[LineItem, ...]
    credits: tuple[Credit, ...]

    @property
    def total_minor(self) -> int:
        return total_minor(self.lines)


def put_together(
    priced: Sequence[LineItem],
    currency: str,
    month: Month,
    *,
    contract: Contract | None = None,
    discounts: Iterable[Discount] = (),
    available: Iterable[Credit] = (),
    carried: Sequence[LineItem] = (),
    billed_before_minor: int = 0,
) -> Bill:
    """What is priced (usage, subscriptions, one-off items, adjustments), then true-up, discounts, credits.

    `billed_before_minor` of the month was billed in advance, and counts for the minimum. What is `carried` from earlier
    months was discounted there already: credits pay it, discounts leave it alone.
    """
    lines = list(priced)
    if contract is not None and contract.minimum_spend is not None:
        minimum_minor = to_minor(contract.minimum_spend, currency)
        true_up = true_up_line(lines, contract.name, minimum_minor, currency, month, billed_before_minor)
        lines += [] if true_up is None else [true_up]
    lines += discount_lines(lines, list(discounts), currency, month)
    lines += carried
    applied = apply_credits(total_minor(lines), available, currency, month)
    return Bill((*lines, *applied.lines), applied.credits)
