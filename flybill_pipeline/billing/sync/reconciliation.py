"""What a month is at our side and in Stripe's own list, row by row, and where to look. The comparison is a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

QUIET = timedelta(days=2)
"""A time so long without any call for a month is not read in Stripe's list: it is full of other months."""
MOST_STRAYS = 100
"""More invoices than this are not asked for one by one: then the quiet time between is read too."""


@dataclass(frozen=True, slots=True)
class OurInvoice:
    """One finalized invoice of ours, amounts in minor units; `credited_minor` by credit notes that Stripe has.

    `known_id` is Stripe's id of the copy that the sync left there, None while there is none; `customer_id` the customer
    that it was sent for, and `sync_state` how far the sync says that it is.
    """

    invoice_id: str
    org_id: str
    number: str
    currency: str
    amount_minor: int
    credited_minor: int = 0
    known_id: str | None = None
    customer_id: str | None = None
    sync_state: str = "finalized"


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """One invoice in Stripe's list. `amount_minor` is before tax; `invoice_id` and `month` are its metadata, if any.

    `credited_minor` is what all its credit notes come to, also those made by hand; it does not change `amount_minor`.
    `ended_at` is when it was voided or marked as uncollectible, in seconds since 1970. Where a person edits an invoice
    that is final, a copy `revises` it, first as a draft; once that is final, the other one is void and `revised_by` it.
    """

    stripe_invoice_id: str
    invoice_id: str | None
    month: str | None
    currency: str
    amount_minor: int
    status: str
    credited_minor: int = 0
    customer_id: str | None = None
    ended_at: int | None = None
    revises: str | None = None
    revised_by: str | None = None


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of Stripe's list; `next_after` continues it, None at its end."""

    invoices: Sequence[ListedInvoice]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """When the first call for an invoice went out, when the last was recorded, and for which customer.

    Moments of Stripe's clock: ours may have been hours off.
    """

    first: datetime
    last: datetime
    stripe_customer_id: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where a month's invoices are: created in `windows`, both ends included, or of the customers of `strays`.

    A stray took so long, from its first call to a repair months later, say, that all of that time would be read for it.
    """

    windows: Sequence[tuple[datetime, datetime]]
    strays: Sequence[Sent]


def places(sent: Sequence[Sent]) -> Places:
    """Few windows that hold every moment at which a call was made for the month, and the strays between them."""
    slow = [one for one in sent if one.last - one.first > QUIET]
    ends = [(moment, moment) for one in slow for moment in (one.first, one.last)]
    windows = _merged(sorted([(one.first, one.last) for one in sent if one.last - one.first <= QUIET] + ends))
    strays = [one for one in slow if not any(start <= one.first and one.last <= end for start, end in windows)]
    if len(strays) > MOST_STRAYS:
        return Places([(windows[0][0], windows[-1][1])], [])
    return Places(windows, strays)


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] <= QUIET:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
