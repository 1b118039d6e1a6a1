"""Whether a pushed message is Stripe's, and what it shows. Belongs here: the signature. Does not: HTTP and storing."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import stripe

from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.billing.payments.unread_events import UnreadEvent
from flybill_pipeline.stripe_gateway.failures import word
from flybill_pipeline.stripe_gateway.payment_objects import EVENT_TYPES, read_event
from flybill_pipeline.stripe_gateway.shapes import NONSENSE

TOLERANCE_SECONDS = 300
"""How far from now a signature may be, in both directions: an older one may be a copy that somebody kept, and one
from the future could be kept until its time comes.
"""
THIN = "v2.core.event"
"""What Stripe's thin events, of its v2 namespace, call themselves: they show no object."""


class ForgedError(Exception):
    """The message is not signed by Stripe with our secret, or long ago. Says nothing more, on purpose."""


class ForeignError(Exception):
    """The message is Stripe's, and of another mode or account than the endpoint is for. `event` says which."""

    def __init__(self, event: UnreadEvent) -> None:
        super().__init__(event.reason)
        self.event = event


def read_pushed(
    payload: bytes,
    signature: str | None,
    secret: str,
    *,
    live: bool,
    account_id: Callable[[], str | None] = lambda: None,
    now: Callable[[], float] = time.time,
) -> Observation | UnreadEvent | None:
    """What a pushed event shows, once its signature is verified (in constant time); None of a type of no interest.

    An UnreadEvent is Stripe's and cannot be read: polling reads what matters of it. Raises ForgedError, and
    ForeignError for what is of the other mode, or of another account than `account_id` says (None: not known).
    """
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret)
        _require_present(str(signature), now())
    except (stripe.SignatureVerificationError, *NONSENSE):  # the library's message quotes what was sent
        raise ForgedError from None
    try:
        event: dict[str, Any] = json.loads(payload)
        if event.get("object") == THIN:
            return _unread(payload, event, "a thin event of Stripe's v2, which flybill does not use")
        kind, livemode = event["type"], event["livemode"]
    except NONSENSE:
        return _unread(payload, {}, "no event")
    if livemode is not live:
        mode = "live" if live else "test"
        raise ForeignError(_unread(payload, event, f"not an event of {mode} mode, which this endpoint is for"))
    if event.get("account") is not None and event["account"] != account_id():
        raise ForeignError(_unread(payload, event, "an event of another account"))
    if kind not in EVENT_TYPES:
        return None
    try:
        return read_event(event)
    except NONSENSE:
        return _unread(payload, event, "its object cannot be read")


def _unread(payload: bytes, event: Any, reason: str) -> UnreadEvent:
    """What is kept of it: its names as far as they are Stripe's, nothing of its content."""
    named = event if isinstance(event, dict) else {}
    event_id = word(named.get("id")) or f"sha256:{hashlib.sha256(payload).hexdigest()}"
    return UnreadEvent(event_id, word(named.get("type")) or "", reason)


def _require_present(signature: str, now: float) -> None:
    """Raises ValueError unless the signature's own time, its first `t`, is now: the library looks at the past only."""
    signed_at = next(int(part[2:]) for part in signature.split(",") if part.startswith("t="))
    if abs(now - signed_at) > TOLERANCE_SECONDS:
        raise ValueError("signed at another time")
