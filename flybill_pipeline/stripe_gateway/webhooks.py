"""Whether a pushed message is Stripe's, and what it shows. Belongs here: the signature. Does not: HTTP and storing."""

import json
from contextlib import suppress
from typing import Any

import stripe

from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.stripe_gateway.payment_objects import EVENT_TYPES, read_event
from flybill_pipeline.stripe_gateway.shapes import NONSENSE

TOLERANCE_SECONDS = 300
"""How old a signature may be: an older one may be a copy that somebody kept."""


class ForgedError(Exception):
    """The message is not signed by Stripe with our secret, or long ago. Says nothing more, on purpose."""


class UnreadableError(Exception):
    """The message is Stripe's but shows no payment that can be read; polling reads what matters of it."""


def read_pushed(payload: bytes, signature: str | None, secret: str, *, live: bool) -> Observation:
    """What a pushed event shows, once its signature is verified (in constant time).

    Raises ForgedError, and UnreadableError for events of other types, of the other mode or of another shape.
    """
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, *NONSENSE):  # the library's message quotes what was sent
        raise ForgedError from None
    with suppress(*NONSENSE):
        event: dict[str, Any] = json.loads(payload)
        if event["type"] in EVENT_TYPES and event["livemode"] is live:
            return read_event(event)
    raise UnreadableError
