"""What a comparison with Stripe's own list came to, in words. No comparing, no I/O."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.currencies import UnknownCurrencyError

State: TypeAlias = Literal["matches", "differs", "other_account", "not_compared"]

MOST_KEPT = 1000
"""Rows of one verdict that are kept: more are counted."""
NEVER = "It was not compared with Stripe's own list yet."


@dataclass(frozen=True, slots=True)
class Difference:
    """One invoice that is not the same here and at Stripe. `difference` names it for programs, `what` for people.

    Amounts are minor units, None where a side has none; `stripe_invoice_id` and `status` are Stripe's.
    """

    org_id: str | None
    invoice_id: str | None
    number: str | None
    difference: str
    what: str
    currency: str | None
    amount_minor_ours: int | None
    amount_minor_theirs: int | None
    stripe_invoice_id: str | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a month stands against Stripe's own list, as of `compared_at`, our clock; None: it was never compared.

    `differing` counts all that differ; `differs` has up to MOST_KEPT of them. `written_off` are invoices that were
    marked as uncollectible: they are as we sent them. `unsent` counts those that the sync has not brought there yet.
    `not_read` says why the list could not be read the last time.
    """

    state: State
    compared_at: datetime | None = None
    message: str = NEVER
    matched: int = 0
    unsent: int = 0
    differing: int = 0
    differs: Sequence[Difference] = ()
    written_off: Sequence[Difference] = ()
    not_read: str | None = None

    def is_wrong(self, org_ids: Collection[str] = ()) -> bool:
        """Whether a person must look at it, or at what it says of these orgs."""
        if self.state == "differs":
            return not org_ids or any(each.org_id in org_ids for each in self.differs)
        return self.state == "other_account"


def difference_words(row: Mapping[str, Any]) -> str:
    """What differs in one row of a comparison, as a person would say it."""
    return "; ".join(_WORDS[name](row) for name in str(row["difference"]).split(", "))


def _both(row: Mapping[str, Any], amount: str) -> str:
    here, there = (
        amount_in_words(int(row[f"{amount}_{side}"]), row[f"currency_{side}"]) for side in ("ours", "theirs")
    )
    return f"{here} here, {there} there"


def amount_in_words(minor: int, currency: str) -> str:
    """The amount; of a currency in which nothing is billed here as a number of its minor units."""
    try:
        return format_money(minor, currency)
    except UnknownCurrencyError:
        return f"{minor} {currency}"


def _status(row: Mapping[str, Any]) -> str:
    if row["status"] == "void":
        return f"it was voided at Stripe{_on(row)}, by somebody there"
    if row["status"] == "uncollectible":
        return f"it was marked as uncollectible at Stripe{_on(row)}, by somebody or by its own rules"
    return f"it is still {_a(str(row['status']))} at Stripe"


def _on(row: Mapping[str, Any]) -> str:
    return "" if row["ended_at"] is None else f" on {datetime.fromtimestamp(int(row['ended_at']), UTC):%Y-%m-%d}"


def _a(status: str) -> str:
    return "a draft" if status == "draft" else status


def _missing(row: Mapping[str, Any]) -> str:
    if row["sync_state"] == "finalized":
        return "Stripe had finalized it, and has no such invoice now"
    return "it is not at Stripe yet"


_WORDS = {
    "missing_there": _missing,
    "missing_here": lambda _: "Stripe has an invoice with our mark that is not on record here",
    "unread": lambda _: "Stripe does not let it be read; the reason stands in its own log",
    "duplicate": lambda _: "Stripe has it more than once",
    "look_alike": lambda _: "the customer has another invoice of this amount, without our mark: was it billed twice?",
    "amount": lambda row: f"it comes to {_both(row, 'amount_minor')}",
    "currency": lambda row: f"its currency is {row['currency_ours']} here and {row['currency_theirs']} there",
    "credited": lambda row: f"credit notes come to {_both(row, 'credited_minor')}",
    "status": _status,
}
