"""The order in which the parts of one org's bill come together. What each part comes to is its own module's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flybill_pipeline.billing.invoicing.commitments import Commitment, true_up_line
from flybill_pipeline.billing.invoicing.items.credits import Credit, apply_credits
from flybill_pipeline.billing.invoicing.items.discounts import Discount, discount_lines
from flybill_pipeline.billing.invoicing.returned_credits import (
    NOTHING_PAID,
    PaidByCredits,
    Returned,
    given_back,
    returned,
)
from flybill_pipeline.billing.invoicing.waivers import after_discounts, not_given_back
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of one org's month in their order, and its credits as they are afterwards.

    `uses` is what it takes from each credit, in minor units, `returned` what of earlier uses goes back.
    """

    lines: tuple[LineItem, ...]
    credits: tuple[Credit, ...]
    uses: Mapping[str, int] = field(default_factory=dict)
    returned: tuple[Returned, ...] = ()

    @property
    def total_minor(self) -> int:
        return total_minor(self.lines)


@dataclass(frozen=True, slots=True)
class Parts:
    """What one org's bill of a month is made of.

    The lines that are `priced` (usage, plans, one-off items) meet the `discounts`; those that are `reckoned` (late
    lines, changes of what was billed in advance) met the discounts of their own month. What is `carried` from earlier
    months was discounted there: credits pay it, discounts leave it alone. `billed_before_minor` of the month was billed
    in advance, and counts for the `commitment`; `waived_before_minor` of that was waived. `paid` are earlier months
    that `credits` paid for: what is taken back of these goes back to the credits. `given_minor` is what one-off items
    gave by now: it may leave as money all the same.
    """

    priced: Sequence[LineItem]
    reckoned: Sequence[LineItem] = ()
    carried: Sequence[LineItem] = ()
    commitment: Commitment | None = None
    billed_before_minor: int = 0
    waived_before_minor: int = 0
    discounts: Sequence[Discount] = ()
    credits: Sequence[Credit] = ()
    paid: PaidByCredits = NOTHING_PAID
    given_minor: int = 0


def put_together(month: Month, currency: str, parts: Parts) -> Bill:
    """What is priced and reckoned, then true-up, discounts, what was waived before, what is carried, credits.

    What earlier months get back is no money: what credits paid of it goes back to them before they pay.
    """
    own, true_up = list(parts.priced), _true_up(month, currency, parts)
    own += [] if true_up is None else [true_up]
    lines = [*parts.priced, *parts.reckoned, *own[len(parts.priced) :]]
    discounts = discount_lines(own, parts.discounts, currency, month)
    lines += [*discounts, *_not_given_back(month, currency, parts, own, discounts)]
    back = list(_returned(month, currency, parts, lines))
    lines += [*(line for _, line in back), *parts.carried]
    available = given_back(month, parts.credits, lines)
    applied = apply_credits(total_minor(lines), available, currency, month)
    left = {credit.credit_id: credit.left_minor for credit in applied.credits}
    uses = {each.credit_id: each.left_minor - left[each.credit_id] for each in available}
    uses = {credit_id: used for credit_id, used in uses.items() if used}
    return Bill((*lines, *applied.lines), applied.credits, uses, tuple(entry for entry, _ in back))


def _returned(
    month: Month, currency: str, parts: Parts, lines: Sequence[LineItem]
) -> Iterator[tuple[Returned, LineItem]]:
    if parts.paid.months:
        money = parts.paid.asked_minor + parts.given_minor + total_minor(parts.carried)
        yield from returned(month, currency, parts.paid.months, money, lines, parts.credits)


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
