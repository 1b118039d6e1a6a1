"""Stripe's events about payments and the objects behind them, page by page. No cursor here, and nothing is decided."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flybill_pipeline.billing.payments.polls import SeenPage
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.stripe_gateway.gateway import PAGE, Gateway
from flybill_pipeline.stripe_gateway.payment_objects import EVENT_TYPES, read_event, read_object

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
        answer = self._gateway.page("list_events", "/v1/events", {"limit": 1, "types": list(EVENT_TYPES)})
        if isinstance(answer, Failure):
            return answer
        ids = [str(event["id"]) for event in answer.value["data"]]
        return Answer(ids[0] if ids else None, answer.request_id)

    def events(self, since: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        """One page of the events created at or after `since`, newest first."""
        query = {"types": list(EVENT_TYPES), "created": {"gte": int(since.timestamp())}}
        return self._page("list_events", "/v1/events", query, after, self._event)

    def objects(self, name: str, since: datetime, now: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        """One page of the `name` (such as "invoices") created at or after `since`, as they are `now`."""

        def read(entry: Json) -> Observation:
            return read_object(entry, f"{entry['id']}@{now.isoformat()}", now)

        return self._page(f"list_{name}", f"/v1/{name}", {"created": {"gte": int(since.timestamp())}}, after, read)

    def invoice_paid_by(self, payment_intent: str) -> Answer[str | None] | Failure:
        """The Stripe invoice that a payment was for, None when it was for none."""
        payment = {"type": "payment_intent", "payment_intent": payment_intent}
        answer = self._gateway.page("list_invoice_payments", "/v1/invoice_payments", {"limit": 1, "payment": payment})
        if isinstance(answer, Failure):
            return answer
        found = [str(entry["invoice"]) for entry in answer.value["data"]]
        return Answer(found[0] if found else None, answer.request_id)

    def _page(
        self,
        endpoint: str,
        path: str,
        query: Mapping[str, Any],
        after: str | None,
        read: Callable[[Json], Observation | Failure],
    ) -> Answer[SeenPage] | Failure:
        cursor = {"starting_after": after} if after else {}
        answer = self._gateway.page(endpoint, path, {"limit": PAGE, **query, **cursor})
        if isinstance(answer, Failure):
            return answer
        entries: Sequence[Json] = answer.value["data"]
        found: list[Observation] = []
        unreadable: list[str] = []
        for entry in entries:
            try:
                seen = read(entry)
            except (KeyError, TypeError):
                unreadable.append(str(entry.get("id")))
                continue
            if isinstance(seen, Failure):
                return seen
            found.append(seen)
        more = str(entries[-1]["id"]) if answer.value["has_more"] and entries else None
        return Answer(SeenPage(found, more, unreadable), answer.request_id)

    def _event(self, event: Json) -> Observation | Failure:
        """What an event shows; where that cannot be read, the object itself, in our version, as it is now."""
        try:
            return read_event(event)
        except (KeyError, TypeError):
            shown = event["data"]["object"]
            answer = self._gateway.page("retrieve_object", f"/v1/{_PATHS[shown['object']]}/{shown['id']}", {})
            if isinstance(answer, Answer):
                return read_object(answer.value, str(event["id"]), datetime.fromtimestamp(event["created"], UTC))
            if answer.kind in ("same_key", "everyone"):
                return answer
            raise KeyError(f"{event['id']} cannot be read") from None
