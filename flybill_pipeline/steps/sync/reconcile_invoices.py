"""Proves a month against Stripe's own list, both ways. Belongs here: the comparison. Does not: mending what differs."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.checks import WITHDRAWN
from flybill_pipeline.billing.sync.reconciliation import ListedInvoice, ListedPage, OurInvoice, Places, Sent, places
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.sync.patience import patiently

if TYPE_CHECKING:  # loaded where it is used: every run of Dagster's has a process, which it would cost half a second
    import pandas as pd

MARGIN = timedelta(hours=1)
"""A request may be executed so long after the last answer that was heard."""
MOST_ASKED_FOR = 100
"""More invoices than this are not asked for one by one."""
MOVED = "list_moved"
"""The code of the failure that the invoice after which a page was to begin is deleted: somebody's draft."""
MOST_BEGINNINGS = 3
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
    "ended_at",
    "sync_state",
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

    def invoice(self, stripe_invoice_id: str) -> Answer[ListedInvoice | None] | Failure:
        """One invoice by Stripe's id; None when Stripe does not know it."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result for one month.

    `differences` has one row per differing invoice or copy, with COLUMNS; `difference` names what differs, joined by
    ", ": missing_there, missing_here, unread, duplicate, look_alike, amount, currency, credited, status. `written_off`
    has such rows of invoices that were marked as uncollectible, which is no difference. `totals` are minor units, ours
    and theirs, per currency. `failure` is why Stripe's list could not be read: then nothing is known or proven.
    """

    matched: int
    differences: "pd.DataFrame"
    totals: Mapping[str, Mapping[str, int]]
    pages: int
    failure: Failure | None = None
    written_off: "pd.DataFrame | None" = None

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
    reading = _Reading(month, billed, theirs, sleep)
    listed = reading.all_of(places(ours.sent(month)))
    pages = reading.pages
    if isinstance(listed, Failure):
        return Reconciliation(0, pd.DataFrame(columns=list(COLUMNS)), {}, pages, listed)
    joined = _joined(billed, listed)
    joined["difference"] = [_difference(row, reading.unread) for row in joined.to_dict("records")]
    differing = joined[joined["difference"] != ""]
    alike = _joined(*_look_alikes(billed, reading.strangers))
    alike["difference"] = "look_alike"
    written_off = joined[(joined["status"] == "uncollectible") & (joined["difference"] == "")]
    shown = differing if alike.empty else pd.concat([differing, alike])
    return Reconciliation(
        matched=len(joined) - len(differing),
        differences=shown[list(COLUMNS)].reset_index(drop=True),
        totals=_totals(billed, listed),
        pages=pages,
        written_off=written_off.assign(difference="status")[list(COLUMNS)],
    )


class _Reading:
    """Stripe's list, as far as it is about the invoices of a month; `pages` is how many calls that took.

    An invoice is ours by Stripe's id of it, which the sync was given; by its metadata, which anybody may edit, only
    where that says nothing. `strangers` are those without our mark; `unread` our ids of those that Stripe refused us.
    """

    def __init__(
        self, month: Month, billed: Sequence[OurInvoice], theirs: StripesList, sleep: Callable[[float], None]
    ) -> None:
        self._month, self._theirs, self._sleep = str(month), theirs, sleep
        self._known = {invoice.known_id: invoice.invoice_id for invoice in billed if invoice.known_id is not None}
        self._listed: dict[str, ListedInvoice] = {}
        self.strangers: dict[str, ListedInvoice] = {}
        self.unread: set[str] = set()
        self.pages = 0

    def all_of(self, where: Places) -> list[ListedInvoice] | Failure:
        """Everything at these places, and what is not there although its id is known; each with our id of it."""
        reads = [partial(self._theirs.page, start - MARGIN, end + MARGIN) for start, end in where.windows]
        reads += [
            partial(self._theirs.page_of, stray.stripe_customer_id, stray.first - MARGIN)
            for stray in where.strays
            if stray.stripe_customer_id is not None
        ]
        for read in reads:
            if failure := self._read(read):
                return failure
        return self._read_known(self._known) or self._read_revisions() or list(self._listed.values())

    def _read(self, read: Callable[[str | None], Answer[ListedPage] | Failure]) -> Failure | None:
        after, beginnings = None, 1
        while True:
            page = patiently(partial(read, after), self._sleep)
            if isinstance(page, Failure) and page.code == MOVED and beginnings < MOST_BEGINNINGS:
                after, beginnings = None, beginnings + 1
                continue
            if isinstance(page, Failure):
                return page
            self.pages += 1
            for invoice in page.value.invoices:
                self._take(invoice)
            after = page.value.next_after
            if after is None:
                return None

    def _read_known(self, stripe_ids: Collection[str]) -> Failure | None:
        """Asks for what was not listed by its id: when it was made is not always known."""
        for stripe_id in list(set(stripe_ids) - self._listed.keys())[:MOST_ASKED_FOR]:
            answer = patiently(partial(self._theirs.invoice, stripe_id), self._sleep)
            self.pages += 1
            if isinstance(answer, Failure):
                if answer.kind != "org":
                    return answer
                self.unread.add(self._known[stripe_id])  # one that Stripe keeps from us hides no other
            elif answer.value is not None:
                self._take(answer.value)
        return None

    def _read_revisions(self) -> Failure | None:
        """Asks for what took the place of a copy that a person edited: it may be much younger, and edited again."""
        while places := {
            each.revised_by: str(each.invoice_id)
            for each in self._listed.values()
            if each.revised_by is not None and each.revised_by not in self._known
        }:
            self._known |= places
            if failure := self._read_known(places):
                return failure
        return None

    def _take(self, invoice: ListedInvoice) -> None:
        if invoice.revises is not None and invoice.status == "draft":
            return  # a person is at work on it
        ours = self._known.get(invoice.stripe_invoice_id)
        if ours is None and invoice.invoice_id == WITHDRAWN:
            return  # another copy took its place
        if ours is not None or invoice.month == self._month:
            self._listed[invoice.stripe_invoice_id] = replace(invoice, invoice_id=ours or invoice.invoice_id)
        elif invoice.invoice_id is None:
            self.strangers[invoice.stripe_invoice_id] = invoice


def _look_alikes(
    billed: Sequence[OurInvoice], strangers: Mapping[str, ListedInvoice]
) -> tuple[list[OurInvoice], list[ListedInvoice]]:
    """The invoices without our mark that stand for a customer and an amount of ours, beside ours of that customer."""
    ours = {(each.customer_id, each.currency, each.amount_minor): each for each in billed if each.customer_id}
    alike = [
        (ours[known], stranger)
        for stranger in strangers.values()
        if stranger.status in DUE and (known := _likeness(stranger)) in ours
    ]
    return list({each.invoice_id: each for each, _ in alike}.values()), [
        replace(stranger, invoice_id=each.invoice_id) for each, stranger in alike
    ]


def _likeness(invoice: ListedInvoice) -> tuple[str | None, str, int]:
    return invoice.customer_id, invoice.currency, invoice.amount_minor


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
        there.drop(columns=["month", "customer_id", "revises", "revised_by"]),
        how="outer",
        on="invoice_id",
        suffixes=("_ours", "_theirs"),
        indicator="side",
    )


def _standing(listed: Sequence[ListedInvoice]) -> list[ListedInvoice]:
    """Stripe's copies without the voided ones, unless an invoice has no other."""
    alive = {row.invoice_id for row in listed if row.status != "void"}
    return [row for row in listed if row.status != "void" or row.invoice_id not in alive]


def _difference(row: Mapping[Any, Any], unread: Collection[str]) -> str:
    """What differs in one joined row, or nothing."""
    if row["side"] == "left_only":
        return "unread" if row["invoice_id"] in unread else "missing_there"
    if row["side"] == "right_only":
        return "missing_here"
    differing = {
        "duplicate": row["copies"] > 1,
        "amount": row["amount_minor_ours"] != row["amount_minor_theirs"],
        "currency": row["currency_ours"] != row["currency_theirs"],
        "credited": row["credited_minor_ours"] != row["credited_minor_theirs"],
        "status": row["status"] not in DUE,
    }
    return ", ".join(name for name, differs in differing.items() if differs)


def _totals(billed: Sequence[OurInvoice], listed: Sequence[ListedInvoice]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = {}
    for ours in billed:
        totals.setdefault(ours.currency, {"ours": 0, "theirs": 0})["ours"] += ours.amount_minor
    for theirs in listed:
        if theirs.status in DUE:
            totals.setdefault(theirs.currency, {"ours": 0, "theirs": 0})["theirs"] += theirs.amount_minor
    return totals
