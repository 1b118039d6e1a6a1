"""Stripe's own list of invoices, for the reconciliation: it judges the sync, so it shares no reading with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flybill_pipeline.billing.sync.reconciliation import ListedInvoice, ListedPage
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.shapes import shaped

MOST_PER_PAGE = 100
_ENDED = {"void": "voided_at", "uncollectible": "marked_uncollectible_at"}


class InvoiceListing:
    """All invoices of an account in order of their creation, the newest first."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def page(self, since: datetime, until: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        """The invoices created from `since` to `until`, both included, that come after the one named `after`."""
        return self._page({"created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())}}, after)

    def page_of(self, customer_id: str, since: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        """The invoices of one customer created at or after `since` that come after the one named `after`."""
        return self._page({"customer": customer_id, "created": {"gte": int(since.timestamp())}}, after)

    def invoice(self, stripe_invoice_id: str) -> Answer[ListedInvoice | None] | Failure:
        """One invoice by Stripe's id of it; None when Stripe does not know it."""
        answer = self._gateway.look("retrieve_invoice", f"/v1/invoices/{stripe_invoice_id}", {}, _listed)
        if isinstance(answer, Failure):
            return Answer(None) if answer.code == "invoice_missing" else answer
        return Answer(answer.value, answer.request_id)

    def _page(self, filters: dict[str, Any], after: str | None) -> Answer[ListedPage] | Failure:
        query: dict[str, Any] = {"limit": MOST_PER_PAGE, **filters}
        if after is not None:
            query["starting_after"] = after
        return self._gateway.look("list_invoices", "/v1/invoices", query, _listed_page)


def _listed_page(data: Mapping[str, Any]) -> ListedPage:
    entries, more = data["data"], data["has_more"]
    if not isinstance(entries, list) or not isinstance(more, bool):
        raise TypeError("no page of a list: an empty one would say that Stripe has nothing")
    invoices = [_listed(entry) for entry in entries]
    return ListedPage(invoices, invoices[-1].stripe_invoice_id if more and invoices else None)


def _listed(entry: Mapping[str, Any]) -> ListedInvoice:
    metadata = entry["metadata"] or {}
    moments = entry.get("status_transitions") or {}
    # Where tax is a part of our amounts, it is a part of the total; else the total without it is what we sent.
    ours = entry["total"] if metadata.get("flybill_tax") == "inclusive" else entry.get("total_excluding_tax")
    return shaped(
        ListedInvoice,
        stripe_invoice_id=entry["id"],
        invoice_id=metadata.get("flybill_invoice_id"),
        month=metadata.get("flybill_month"),
        currency=entry["currency"],
        amount_minor=entry["subtotal"] if ours is None else ours,
        status=entry["status"],
        credited_minor=entry["pre_payment_credit_notes_amount"] + entry["post_payment_credit_notes_amount"],
        customer_id=entry.get("customer"),
        ended_at=moments.get(_ENDED.get(entry["status"], "")),
        revises=(entry.get("from_invoice") or {}).get("invoice"),
        revised_by=entry.get("latest_revision"),
    )
