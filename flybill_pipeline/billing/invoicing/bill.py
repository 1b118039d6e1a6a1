"""The order in which the parts of one org's bill come together. What each part comes to is its own module's."""

from collections.abc import Sequence
from dataclasses import dataclass

from flybill_pipeline.billing.invoicing.commitments import Commitment, true_up_line
from flybill_pipeline.billing.invoicing.items.credits import Credit, apply_credits
from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.invoicing.waivers import after_discounts, not_given_back
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of one org's month in their order, and its credits as they are afterwards."""

    lines: tuple[LineItem, ...]
    credits: tuple[Credit, ...]

    @property
    def total_minor(self) -> int:
        return total_minor(self.lines)


@dataclass(frozen=True, slots=True)
class Parts:
    """What one org's bill of a month is made of.

    The lines that are `priced` (usage, plans, one-off items) meet the `discounts`; those that are `reckoned` (late
    lines, changes of what was billed in advance) met the discounts of their own month. What is `carried` from earlier
    months was discounted there: credits pay it, discounts leave it alone. `billed_before_minor` of the month was billed
    in advance, and counts for the `commitment`; `waived_before_minor` of that was waived.
    """

    priced: Sequence[LineItem]
    reckoned: Sequence[LineItem] = ()
    carried: Sequence[LineItem] = ()
    commitment: Commitment | None = None
    billed_before_minor: int = 0
    waived_before_minor: int = 0
    discounts: Sequence[Discount] = ()
    credits: Sequence[Credit] = ()


def put_together(month: Month, currency: str, parts: Parts) -> Bill:
    """What is priced and reckoned, then true-up, discounts, what was waived before, what is carried, credits."""
    own, true_up = list(parts.priced), _true_up(month, currency, parts)
    own += [] if true_up is None else [true_up]
    lines = [*parts.priced, *parts.reckoned, *own[len(parts.priced) :]]
    discounts = discount_lines(own, parts.discounts, currency, month)
    lines += [*discounts, *_not_given_back(month, currency, parts, own, discounts), *parts.carried]
    applied = apply_credits(total_minor(lines), parts.credits, currency, month)
    return Bill((*lines, *applied.lines), applied.credits)


def _true_up(month: Month, currency: str, parts: Parts) -> LineItem | None:
    if parts.commitment is None:
        return None
    lines = (*parts.priced, *parts.reckoned)
    return true_up_line(lines, parts.commitment, currency, month, parts.billed_before_minor)


def _not_given_back(
    month: Month, currency: str, parts: Parts, own: Sequence[LineItem], discounts: Sequence[LineItem]
) -> tuple[LineItem, ...]:
    if not parts.waived_before_minor:
        return ()
    lines = [line for line in (*own, *parts.reckoned) if line.service_month == month]
    comes_to = parts.billed_before_minor + after_discounts(lines, discounts)
    return not_given_back(month, currency, parts.waived_before_minor, comes_to)
