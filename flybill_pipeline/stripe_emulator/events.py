"""Events: what happened, kept for 30 days. Belongs here: writing them down and reading them back. Does not: deciding
when one is due; the handlers do. Webhooks are not sent: a client polls."""

from __future__ import annotations

from typing import Any

from . import objects
from .call import Call, new_id, require
from .config import EVENT_HORIZON, MAX_EVENT_TYPES
from .errors import no_such
from .pages import Page, list_page
from .store import Json

WITHHELD = "events_withheld"
"""The remembered fact that new events are not listed yet; the control API sets it."""


def emit(call: Call, kind: str, obj: Json, before: Json | None = None) -> None:
    """Records an event about a complete object; `before` is its earlier state, for `*.updated`."""
    data: Json = {"object": obj}
    if before is not None:
        data["previous_attributes"] = _changes(before, obj)
    event_id = new_id("evt")
    call.store.insert(
        objects.event(
            event_id,
            created=call.now,
            livemode=call.livemode,
            kind=kind,
            data=data,
            id=call.request_id,
            idempotency_key=call.idempotency_key,
        )
        | {"api_version": call.api_version}
    )
    if call.store.recall(WITHHELD, False):
        call.store.withhold(event_id)


def _changes(before: Json, obj: Json) -> Json:
    """What changed, as it was before; of metadata only the keys that did, a new one as null."""
    names = [name for name in {**before, **obj} if name != "lines" and before.get(name) != obj.get(name)]
    changes = {name: before.get(name) for name in names}
    if "metadata" in changes:
        old, new = before["metadata"], obj["metadata"]
        changes["metadata"] = {key: old.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
    return changes


def list_events(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/events: newest first, of the last 30 days."""
    types: list[Any] = params.get("types") or []
    require(not (types and params.get("type")), "You may only specify one of type and types.", param="types")
    if params.get("type"):
        types = [params["type"]]
    require(len(types) <= MAX_EVENT_TYPES, f"You may only specify up to {MAX_EVENT_TYPES} types.", param="types")
    page = Page("event", "/v1/events").since(call.now - EVENT_HORIZON).among("status", types)
    if params.get("delivery_success") is False:  # no webhooks are sent, so none is pending and none has failed
        page = page.matching("1 = 0")
    return list_page(call, page.matching("parent is null"), params)


def retrieve_event(call: Call, _params: Json, event_id: str) -> Json:
    """GET /v1/events/{id}: events older than 30 days are gone."""
    event = call.find("event", event_id, param="id", status=404)
    if event["created"] < call.now - EVENT_HORIZON:
        raise no_such("event", event_id, param="id", status=404)
    return event
