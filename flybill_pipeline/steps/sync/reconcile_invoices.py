"""Proves a month against Stripe's own list, both ways. Belongs here: the comparison. Does not: mending what differs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.reconciliation import ListedInvoice, ListedPage, OurInvoice, Places, Sent, places
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.sync.patience import patiently

if TYPE_CHECKING:  # loaded where it is used: every run of Dagster's has a process, which it would cost half a second
    import pandas as pd

MARGIN = timedelta(hours=1)
"""By how much Stripe's clock may differ from ours."""
DUE = ("open", "paid", "uncollectible")
"""The statuses of an invoice that the customer has been given and that stands."""
COLUMNS = (
    "difference",
    "invoice_id",
    "org_id",
    "number",
    "amount_minor_ours",
    "amount_minor_theirs",
    "currency_ours",
    "currency_theirs",
    "credited_minor_ours",
    "credited_minor_theirs",
    "stripe_invoice_id",
    "status",
)


class OurSide(Protocol):
    """What was billed."""

    def invoices(self, month: Month) -> Sequence[OurInvoice]:
        """Every finalized invoice of the month."""

    def sent(self, month: Month) -> Sequence[Sent]:
        """When calls were made for each invoice of the month for which any was."""


class StripesList(Protocol):
    """Stripe's own list of invoices."""

    def page(self, since: datetime, until: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        """One page of the invoices created in between, beginning after the invoice `after`."""

    def page_of(self, customer_id: str, since: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        """One page of a customer's invoices created since then, beginning after the invoice `after`."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result for one month.

    `differences` has one row per differing invoice or copy, with COLUMNS; `difference` names what differs, joined by
    ", ": missing_there, missing_here, duplicate, amount, currency, credited, status. `totals` are minor units, ours and
    theirs, per currency. `failure` is why Stripe's list could not be read: then nothing is known or proven.
    """

    matched: int
    differences: "pd.DataFrame"
    totals: Mapping[str, Mapping[str, int]]
    pages: int
    failure: Failure | None = None

    @property
    def proven(self) -> bool:
        """Whether both sides are the same."""
        return self.failure is None and self.differences.empty


def reconcile(
    month: Month, *, ours: OurSide, theirs: StripesList, sleep: Callable[[float], None] = time.sleep
) -> Reconciliation:
    """Compares the month's invoices with Stripe's list, which is read with one call per 100 invoices."""
    import pandas as pd

    billed = ours.invoices(month)
    listed, pages, failure = _read_list(month, places(ours.sent(month)), theirs, sleep)
    if failure is not None:
        return Reconciliation(0, pd.DataFrame(columns=list(COLUMNS)), {}, pages, failure)
    joined = _joined(billed, listed)
    joined["difference"] = [_difference(row) for row in joined.to_dict("records")]
    differing = joined[joined["difference"] != ""]
    return Reconciliation(
        matched=len(joined) - len(differing),
        differences=differing[list(COLUMNS)].reset_index(drop=True),
        totals=_totals(billed, listed),
        pages=pages,
    )


def _read_list(
    month: Month, where: Places, theirs: StripesList, sleep: Callable[[float], None]
) -> tuple[list[ListedInvoice], int, Failure | None]:
    """All that Stripe lists for this month, how many pages that took, and why it could not be read to its end."""
    reads = [partial(theirs.page, start - MARGIN, end + MARGIN) for start, end in where.windows]
    reads += [
        partial(theirs.page_of, stray.stripe_customer_id, stray.first - MARGIN)
        for stray in where.strays
        if stray.stripe_customer_id is not None
    ]
    found: dict[str, ListedInvoice] = {}
    pages = 0
    for read in reads:
        after: str | None = None
        while True:
            page = patiently(partial(read, after), sleep)
            if isinstance(page, Failure):
                return list(found.values()), pages, page
            pages += 1
            found |= {row.stripe_invoice_id: row for row in page.value.invoices if row.month == str(month)}
            after = page.value.next_after
            if after is None:
                break
    return list(found.values()), pages, None


def _joined(billed: Sequence[OurInvoice], listed: Sequence[ListedInvoice]) -> "pd.DataFrame":
    """The outer join of both sides by our invoice id, with `copies`: how many of Stripe's stand, voided ones aside."""
    import pandas as pd

    here = pd.DataFrame([asdict(row) for row in billed], columns=list(OurInvoice.__slots__))
    there = pd.DataFrame([asdict(row) for row in _standing(listed)], columns=list(ListedInvoice.__slots__))
    for side in (here, there):
        for amount in ("amount_minor", "credited_minor"):
            side[amount] = side[amount].astype("Int64")  # stays a whole number where a side is missing
    there["copies"] = there.groupby("invoice_id")["stripe_invoice_id"].transform("size").astype("Int64")
    return here.merge(
        there.drop(columns="month"), how="outer", on="invoice_id", suffixes=("_ours", "_theirs"), indicator="side"
    )


def _standing(listed: Sequence[ListedInvoice]) -> list[ListedInvoice]:
    """Stripe's copies without the voided ones, unless an invoice has no other."""
    alive = {row.invoice_id for row in listed if row.status != "void"}
    return [row for row in listed if row.status != "void" or row.invoice_id not in alive]


def _difference(row: Mapping[Any, Any]) -> str:
    """What differs in one joined row, or nothing."""
    if row["side"] == "left_only":
        return "missing_there"
    if row["side"] == "right_only":
        return "missing_here"
    found = {
        "duplicate": row["copies"] > 1,
        "amount": row["amount_minor_ours"] != row["amount_minor_theirs"],
        "currency": row["currency_ours"] != row["currency_theirs"],
        "credited": row["credited_minor_ours"] != row["credited_minor_theirs"],
        "status": row["status"] not in DUE,
    }
    return ", ".join(name for name, differs in found.items() if differs)


def _totals(billed: Sequence[OurInvoice], listed: Sequence[ListedInvoice]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = {}
    for ours in billed:
        totals.setdefault(ours.currency, {"ours": 0, "theirs": 0})["ours"] += ours.amount_minor
    for theirs in listed:
        if theirs.status in DUE:
            totals.setdefault(theirs.currency, {"ours": 0, "theirs": 0})["theirs"] += theirs.amount_minor
    return totals
