"""Stripe's events about payments and the objects behind them, page by page. No cursor here, and nothing is decided."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from flybill_pipeline.billing.payments.polls import SeenPage, Window
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.stripe_gateway.calls import PAGE
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.pages import read_page
from flybill_pipeline.stripe_gateway.payment_objects import EVENT_TYPES, read_event, read_object
from flybill_pipeline.stripe_gateway.shapes import NONSENSE, text_of

_PATHS = {
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "credit_note": "credit_notes",
    "refund": "refunds",
    "dispute": "disputes",
}
Json = Mapping[str, Any]


class PaymentEvents:
    """What Stripe tells about payments, for one key."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def newest(self) -> Answer[str | None] | Failure:
        """The id of the newest event about payments, None when there is none: one call, to see whether to read."""
        query = {"limit": 1, "types": list(EVENT_TYPES)}
        return self._gateway.look("list_events", "/v1/events", query, partial(_first, "id"))

    def events(self, since: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        """One page of the events created at or after `since`, newest first."""
        query = {"types": list(EVENT_TYPES), "created": {"gte": int(since.timestamp())}}
        return self._page("list_events", "/v1/events", query, after, self._event)

    def objects(self, name: str, during: Window, now: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        """One page of the `name` (such as "invoices") created `during` some time, as they are `now`."""
        created = {"gte": int(during.since.timestamp())}
        if during.until is not None:
            created["lt"] = int(during.until.timestamp())

        def read(entry: Json) -> Observation:
            return read_object(entry, f"{entry['id']}@{now.isoformat()}", now)

        return self._page(f"list_{name}", f"/v1/{name}", {"created": created}, after, read)

    def invoice(self, stripe_invoice_id: str, now: datetime) -> Answer[Observation] | Failure:
        """One invoice as it is `now`."""

        def read(entry: Json) -> Observation:
            return read_object(entry, f"{entry['id']}@{now.isoformat()}", now)

        return self._gateway.look("retrieve_invoice", f"/v1/invoices/{quote(stripe_invoice_id, safe='')}", {}, read)

    def invoice_paid_by(self, payment_intent: str) -> Answer[str | None] | Failure:
        """The Stripe invoice that a payment was for, None when it was for none."""
        query = {"limit": 1, "payment": {"type": "payment_intent", "payment_intent": payment_intent}}
        return self._gateway.look("list_invoice_payments", "/v1/invoice_payments", query, partial(_first, "invoice"))

    def _page(
        self,
        endpoint: str,
        path: str,
        query: Mapping[str, Any],
        after: str | None,
        read: Callable[[Json], Observation | Failure],
    ) -> Answer[SeenPage] | Failure:
        cursor = {"starting_after": after} if after else {}
        answer = self._gateway.look(endpoint, path, {"limit": PAGE, **query, **cursor}, partial(read_page, _identified))
        if isinstance(answer, Failure):
            return answer
        seen: list[Observation] = []
        unreadable: list[str] = []
        for entry in answer.value.entries:
            try:
                observation = read(entry)
            except NONSENSE:
                unreadable.append(entry["id"])
                continue
            if isinstance(observation, Failure):
                return observation
            seen.append(observation)
        return Answer(SeenPage(seen, answer.value.after, unreadable), answer.request_id)

    def _event(self, event: Json) -> Observation | Failure:
        """What an event shows; where that cannot be read, the object itself, in our version, as it is now."""
        try:
            return read_event(event)
        except NONSENSE:
            shown, seen_at = event["data"]["object"], datetime.fromtimestamp(event["created"], UTC)
            path = f"/v1/{_PATHS[shown['object']]}/{quote(shown['id'], safe='')}"
            answer = self._gateway.look("retrieve_object", path, {}, dict)
            if isinstance(answer, Answer):
                return read_object(answer.value, event["id"], seen_at)
            if answer.kind in ("same_key", "everyone"):
                return answer
            raise KeyError(f"{event['id']} cannot be read") from None


def _first(member: str, data: Json) -> str | None:
    """The member of the first entry of a page; None when the page is empty."""
    return next(iter(read_page(lambda entry: text_of(entry[member]), data).entries), None)


def _identified(entry: Json) -> Json:
    text_of(entry["id"])
    return entry
