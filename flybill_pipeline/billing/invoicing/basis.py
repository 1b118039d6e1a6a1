"""What a service month was priced from, as fingerprints: equal ones price alike. Nothing is priced or compared here."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem


@dataclass(frozen=True, slots=True)
class Basis:
    """What one org's lines of `service_month` were made from.

    `usage_version` names all usage of the month at that time, `usage_fingerprint` the org's part of it ("" when it has
    none), `terms` the prices and whatever else made lines. A fingerprint may change without need (then pricing again
    gives the same); it never stays the same when the lines would differ.
    """

    service_month: Month
    usage_version: str
    usage_fingerprint: str
    terms: str
    contract: str | None = None
    currency: str | None = None


def terms(prices: str, contract: str | None, fixed: Iterable[LineItem]) -> str:
    """The terms of an org's month: its prices, its contract, and the lines that do not come from usage."""
    text = repr((prices, contract, [(line.line_id, line.amount_minor, line.description) for line in fixed]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
