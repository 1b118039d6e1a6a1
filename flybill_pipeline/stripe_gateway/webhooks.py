"""Whether a pushed message is Stripe's, and what it shows. Belongs here: the signature. Does not: HTTP and storing."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import stripe

from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.stripe_gateway.payment_objects import EVENT_TYPES, read_event
from flybill_pipeline.stripe_gateway.shapes import NONSENSE

TOLERANCE_SECONDS = 300
"""How far from now a signature may be, in both directions: an older one may be a copy that somebody kept, and one
from the future could be kept until its time comes.
"""


class ForgedError(Exception):
    """The message is not signed by Stripe with our secret, or long ago. Says nothing more, on purpose."""


class UnreadableError(Exception):
    """The message is Stripe's but shows no payment that can be read; polling reads what matters of it."""


def read_pushed(
    payload: bytes, signature: str | None, secret: str, *, live: bool, now: Callable[[], float] = time.time
) -> Observation:
    """What a pushed event shows, once its signature is verified (in constant time).

    Raises ForgedError, and UnreadableError for events of other types, of the other mode or of another shape.
    """
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret)
        _require_present(str(signature), now())
    except (stripe.SignatureVerificationError, *NONSENSE):  # the library's message quotes what was sent
        raise ForgedError from None
    with suppress(*NONSENSE):
        event: dict[str, Any] = json.loads(payload)
        if event["type"] in EVENT_TYPES and event["livemode"] is live:
            return read_event(event)
    raise UnreadableError


def _require_present(signature: str, now: float) -> None:
    """Raises ValueError unless the signature's own time, its first `t`, is now: the library looks at the past only."""
    signed_at = next(int(part[2:]) for part in signature.split(",") if part.startswith("t="))
    if abs(now - signed_at) > TOLERANCE_SECONDS:
        raise ValueError("signed at another time")
