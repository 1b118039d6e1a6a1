"""Prepaid credits that pay an invoice, and in which order. Discounts, which make it smaller, are not credits."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.working import WorkingStep

DEFAULT_PRIORITY = 50
"""Of 0 to 100, as Stripe's credit grants have it."""

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Credit:
    """What is left of one grant, in minor units; valid in [`granted_at`, `expires_at`), or for ever.

    A credit with a smaller `priority` pays before one with a larger.
    """

    credit_id: str
    name: str
    left_minor: int
    currency: str
    granted_at: datetime
    expires_at: datetime | None = None
    priority: int = DEFAULT_PRIORITY

    def pays_for(self, month: Month) -> bool:
        """Whether it was valid at any instant of the service month."""
        return self.granted_at < month.end and (self.expires_at is None or self.expires_at > month.start)


@dataclass(frozen=True, slots=True)
class CreditsApplied:
    """The negative lines, and every credit as it is afterwards, in the order in which they pay."""

    lines: tuple[LineItem, ...]
    credits: tuple[Credit, ...]


def apply_credits(total_minor: int, available: Iterable[Credit], currency: str, month: Month) -> CreditsApplied:
    """Pays `total_minor` from the credits in its currency, and never to below zero.

    The order is that of the peers (Stripe, OpenMeter, Stigg): by priority, then what expires soonest, then the oldest:
    so nothing lapses while another credit that would have stayed is used.
    """
    due = max(total_minor, 0)
    lines: list[LineItem] = []
    after: list[Credit] = []
    for credit in sorted(available, key=_turn):
        usable = credit.currency == currency and credit.pays_for(month)
        taken = min(due, max(credit.left_minor, 0)) if usable else 0
        due -= taken
        after.append(replace(credit, left_minor=credit.left_minor - taken))
        if taken:
            lines.append(_line(credit, taken, month))
    return CreditsApplied(tuple(lines), tuple(after))


def _turn(credit: Credit) -> tuple[int, datetime, datetime, str]:
    return credit.priority, credit.expires_at or NEVER, credit.granted_at, credit.credit_id


def _line(credit: Credit, taken: int, month: Month) -> LineItem:
    amount = from_minor(-taken, credit.currency)
    left = format_money(credit.left_minor - taken, credit.currency)
    return LineItem(
        kind="credit",
        line_id=line_id("credit", month, credit.credit_id),
        meter=None,
        dimensions={},
        service_month=month,
        quantity=Decimal(1),
        unit=None,
        amount=amount,
        amount_minor=-taken,
        currency=credit.currency,
        description=f"{credit.name}: {left} left",
        working=(WorkingStep("credit", amount=amount, limit=from_minor(credit.left_minor, credit.currency)),),
    )
