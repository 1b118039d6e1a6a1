"""Where behaviour of Stripe's can be known from. Belongs here: the kinds of sources, each source with its date, and one
row about one behaviour. Does not: the rows themselves (`behaviours`, `assumptions`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Kind = Literal["documented", "specified", "library", "recorded", "reported", "assumed", "ours"]
"""Stripe's documentation; its OpenAPI description; stripe-python's source; answers of the real API that somebody
recorded; what users say they met; a guess of ours; not Stripe's at all, but the emulator's own."""


@dataclass(frozen=True)
class Source:
    """One place that says what Stripe does. `seen` is its own date, or when it was read if it has none."""

    kind: Kind
    where: str
    seen: date


@dataclass(frozen=True)
class Behaviour:
    """One thing that the emulator does as Stripe does.

    `tried_by` is for what is assumed: the contract test that tries it at Stripe's test mode, or why none can.
    """

    module: str
    source: Source
    what: str
    tried_by: str | None = None


def _page(name: str, seen: date = date(2026, 11, 29)) -> Source:
    return Source("documented", f"docs.stripe.com, {name}", seen)


LIBRARY = Source("library", "stripe-python 16.1.0, which speaks API version 2026-10-28.endive", date(2026, 10, 28))
SPECIFIED = Source("specified", "Stripe's OpenAPI description of version 2026-08-26.dahlia", date(2026, 8, 26))
SAMPLES = Source("specified", "the sample objects beside Stripe's OpenAPI description", date(2026, 7, 29))
RECORDED = Source("recorded", "seahaven-stripe-world 0.3.0, made after the real 2026-08-26.dahlia", date(2026, 9, 21))
ASSUMED = Source("assumed", "nobody has tried it", date(2026, 11, 30))
OURS = Source("ours", "the emulator", date(2026, 11, 30))

AUTHENTICATION = _page("Authentication")
CURRENCIES = _page("Supported currencies")
ERRORS = _page("Error codes; Advanced error handling")
EVENTS = _page("Types of events", date(2026, 12, 1))
IDEMPOTENCY = _page("Idempotent requests; Advanced error handling")
INVOICES = _page("Invoicing: overview, automatic advancement")
LISTS = _page("Pagination")
METADATA = _page("Metadata")
MULTI_CURRENCY = _page("Multi-currency customers")
RATE_LIMITS = _page("Rate limits", date(2026, 4, 30))
TAX_PLACES = _page("Automatically collect tax on invoices; Collect customer addresses")
TAX_DEFAULTS = _page("Specify product tax codes and tax behavior; Tax settings API")
TAX_REFUNDS = _page("Tax: refunds and credit notes")
ROUNDING = _page("Decimal amounts")
REVISIONS = _page("Edit invoices", date(2026, 12, 3))
CUSTOMER_BALANCE = _page("Customer credit balance; changelog of 2019-12-03")

AUTUMN = Source("reported", "github.com/useautumn/autumn, pull request 3491", date(2026, 9, 17))
LATE_EVENTS = Source("reported", "docs.stripe.com, Webhooks, and users who met it", date(2026, 9, 27))
MISSING_EMAIL = Source("reported", "the sentence as three unrelated projects quote it, one in a log", date(2026, 3, 29))
BY_CURRENCY = Source("reported", "two public projects that say what they chose in the Dashboard", date(2026, 9, 25))
NO_REGISTRATION = Source("reported", "a public project's calculation without a registration", date(2026, 9, 25))
SUM_WITH_TAX = Source("reported", "stackoverflow.com, question 76484776", date(2023, 6, 15))
MODES = Source("reported", "the sentence as many users quote it", date(2026, 11, 29))
DELETED_DRAFTS = Source("reported", "users who deleted a draft and sent its key again", date(2026, 11, 29))
