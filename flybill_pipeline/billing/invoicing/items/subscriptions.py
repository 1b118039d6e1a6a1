"""Plans and seats: the lines of one service month, by the time they were active. Usage and payment are not here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from flybill_pipeline.billing.money.amounts import format_amount, from_minor, to_minor
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month, last_day_of
from flybill_pipeline.billing.money.proration import overlap, prorate
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.working import WorkingStep


class Timing(StrEnum):
    """When a plan's month is billed: with the invoice of the month before it, or with its own."""

    ADVANCE = "advance"
    ARREARS = "arrears"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a subscription costs a month and seat, in major units of `currency`."""

    name: str
    currency: str
    unit_amount: Decimal
    timing: Timing = Timing.ARREARS


@dataclass(frozen=True, slots=True)
class SubscriptionPeriod:
    """A time [start, end) in which one subscription had one plan and number of seats; `end` is None while it lasts.

    A start opens a period, a cancellation ends it, and a change of plan or seats does both at the same instant.
    """

    subscription_id: str
    plan: Plan
    seats: int
    start: datetime
    end: datetime | None = None


def subscription_lines(periods: Iterable[SubscriptionPeriod], month: Month) -> tuple[LineItem, ...]:
    """What the periods come to in the service month: one line each, prorated by its active time.

    The periods of a subscription that fill the month sum to a month's price when plan and seats stayed the same.
    """
    lines = (_line(period, month) for period in sorted(periods, key=lambda p: (p.subscription_id, p.start)))
    return tuple(line for line in lines if line is not None)


def _line(period: SubscriptionPeriod, month: Month) -> LineItem | None:
    active = overlap(month, period.start, period.end)
    if active is None:
        return None
    plan, (first, last) = period.plan, active
    with exact():
        whole = to_minor(plan.unit_amount * period.seats, plan.currency)
    amount_minor = prorate(whole, plan.currency, month, first, last)
    amount = from_minor(amount_minor, plan.currency)
    seats = Decimal(period.seats)
    each = f"{period.seats} seat{'s' if period.seats != 1 else ''} @ {format_amount(plan.unit_amount, plan.currency)}"
    when = "" if (first, last) == (month.start, month.end) else f", {first:%Y-%m-%d} to {last_day_of(last)}"
    return LineItem(
        kind="subscription",
        line_id=line_id("subscription", month, period.subscription_id, plan.name, period.start.isoformat()),
        meter=None,
        dimensions={"plan": plan.name},
        service_month=month,
        quantity=seats,
        unit="seat",
        amount=amount,
        amount_minor=amount_minor,
        currency=plan.currency,
        description=f"{plan.name} · {each} a month{when}",
        working=(
            WorkingStep(
                "subscription",
                amount=amount,
                quantity=seats,
                unit_amount=plan.unit_amount,
                note=f"active from {first.isoformat()} until {last.isoformat()}",
            ),
        ),
    )
