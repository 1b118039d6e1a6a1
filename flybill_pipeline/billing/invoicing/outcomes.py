"""What becomes of one org's month, in words for the operator. No lines are made and nothing is stored here."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.money.decimals import ZERO, exact, plain

INVOICED = "invoiced"
CARRIED_FORWARD = "carried_forward"
WAIVED = "waived"
NOTHING_TO_BILL = "nothing_to_bill"
HELD = "held"


class Reason(Protocol):
    """Why a month must wait: a stable code, a sentence for the operator, and what to do about it."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def remedy(self) -> str: ...


@dataclass(frozen=True, slots=True)
class HoldReason:
    """A reason as a plain value, and the recorded usage that waits because of it."""

    code: str
    message: str
    remedy: str
    meter: str | None = None
    quantity: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Outcome:
    """One org's month. `outcome` is one of the constants above; `code` and `remedy` say why it is held, or carried."""

    outcome: str
    total_minor: int
    currency: str
    code: str | None
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomePolicy:
    """The choices of the people who run flybill; None switches a rule off. Amounts in minor units.

    A total above `hold_above_multiple` times the trailing average waits for a person, and so does a credit above
    `largest_credit_minor`.
    """

    waive_small_amounts: bool = False
    hold_above_multiple: Decimal | None = None
    largest_credit_minor: int | None = None


DEFAULT_POLICY = OutcomePolicy()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a total is held against, in minor units of its currency.

    `minimum` is the smallest total to collect, `trailing_average` what the org's recent months came to (None: it has
    none), `released` the total that a person looked at and released; it holds for no other total.
    """

    minimum: int
    policy: OutcomePolicy = DEFAULT_POLICY
    trailing_average: int | None = None
    released: int | None = None


RELEASABLE = frozenset({"large_credit", "unusual_total"})
"""The codes of months that are right as they are once a person has looked; every other one needs mending."""


def decide(total: int, currency: str, problems: Sequence[Reason], bounds: Bounds) -> Outcome:
    """The outcome of one org's month: held before anything else, then nothing, carried forward, waived or invoiced."""
    policy = bounds.policy
    reasons = [*problems, *_limits(total, currency, policy), *_unusual(total, currency, bounds)]
    if bounds.released == total:
        reasons = [reason for reason in reasons if reason.code not in RELEASABLE]
    if reasons:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        first = reasons[0]
        message = first.message + more
        return Outcome(HELD, total, currency, first.code, message, first.remedy)
    return _settled(total, currency, bounds)


def _settled(total: int, currency: str, bounds: Bounds) -> Outcome:
    amount = format_money(abs(total), currency)
    if total == 0:
        return Outcome(NOTHING_TO_BILL, total, currency, None, "the month comes to nothing")
    if total < 0:
        return Outcome(CARRIED_FORWARD, total, currency, "credit", f"the month comes to a credit of {amount}")
    if total >= bounds.minimum:
        return Outcome(INVOICED, total, currency, None, f"invoiced {amount}")
    message = f"{amount} is below the minimum of {format_money(bounds.minimum, currency)}"
    if bounds.policy.waive_small_amounts:
        return Outcome(WAIVED, total, currency, "below_minimum", message)
    return Outcome(CARRIED_FORWARD, total, currency, "below_minimum", message)


def _limits(total: int, currency: str, policy: OutcomePolicy) -> list[HoldReason]:
    amount = format_money(total, currency)
    maximum = currency_of(currency).maximum_minor
    if total > maximum:
        limit = format_money(maximum, currency)
        message = f"{amount} is more than Stripe collects at once ({limit})"
        remedy = (
            "agree with the customer on a part that is paid outside Stripe, import it as a one_off with a negative "
            "amount in this month, then repair the month"
        )
        return [HoldReason("above_stripe_maximum", message, remedy)]
    if policy.largest_credit_minor is not None and -total > policy.largest_credit_minor:
        limit = format_money(policy.largest_credit_minor, currency)
        message = f"a total of {amount} is a larger credit than {limit}"
        return [HoldReason("large_credit", message, "check the corrections behind it, then release the month")]
    return []


def _unusual(total: int, currency: str, bounds: Bounds) -> list[HoldReason]:
    multiple, average = bounds.policy.hold_above_multiple, bounds.trailing_average
    if multiple is None or average is None or average <= 0:
        return []
    with exact():
        if total <= multiple * average:
            return []
    usual = format_money(average, currency)
    message = f"{format_money(total, currency)} is more than {plain(multiple)} times the trailing average of {usual}"
    return [HoldReason("unusual_total", message, "check the usage behind it, then release the month")]
