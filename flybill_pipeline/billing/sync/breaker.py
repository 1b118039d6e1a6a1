"""When calls to Stripe are stopped for everybody, for how long, and what is said then. No clock, no SQL, no calls.

The breaker is opened by an outage (Stripe does not answer) or by a refusal (of the key, or of one org after another for
one reason). While it is open one call is tried from time to time; an invoice that gets through closes it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from flybill_pipeline.billing.sync.values import Failure

Cause: TypeAlias = Literal["outage", "refused"]

WAITS = {
    "outage": (timedelta(seconds=30), timedelta(minutes=15)),
    "refused": (timedelta(minutes=15), timedelta(hours=6)),
}
"""How long to wait before the first probe, doubling up to the second. A refusal ends with a person's doing: a new key,
or a close that a person starts, is tried at once."""
SILENCE = frozenset({"no_answer", "stripe_error"})
"""The codes of failures that may mean that Stripe is down."""

_CUSTOMER = {
    "outage": "Our payment provider does not answer at the moment: the payment link follows when it does. "
    "The amount is final.",
    "refused": "The payment link is late because of a problem on our side. The amount is final; "
    "you need not do anything.",
}


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """Why no calls are made. `probes` is how many failed, `next_probe_at` when the next one may be."""

    cause: Cause
    code: str
    message: str
    remedy: str
    request_id: str | None
    opened_at: datetime
    next_probe_at: datetime
    probes: int

    @property
    def sentence(self) -> str:
        """What an operator is told."""
        since, until = (f"{moment:%Y-%m-%d %H:%M:%S} UTC" for moment in (self.opened_at, self.next_probe_at))
        return f"{self.message} No calls are made since {since}; one is tried at {until}."

    @property
    def customer_message(self) -> str:
        """What a customer with an unsynced invoice is told."""
        return _CUSTOMER[self.cause]


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a run may call Stripe: freely (`breaker` None), for one invoice as the probe, or not at all."""

    breaker: OpenBreaker | None
    probing: bool = False


def wait_before_probe(cause: Cause, probes: int) -> timedelta:
    """How long after the last call the next probe is due, after this many that failed."""
    first, longest = WAITS[cause]
    wait: timedelta = min(first * 2 ** min(probes, 20), longest)
    return wait


def opening(cause: Cause, failure: Failure, now: datetime, orgs: int = 1) -> OpenBreaker:
    """The breaker as `failure` opens it; `orgs` in a row were refused for the same reason."""
    if cause == "outage":
        message = "Stripe does not answer."
        remedy = "Nothing: the sync goes on by itself when it does; https://status.stripe.com tells more."
    elif orgs > 1:
        message = f"{orgs} organizations in a row had the same failure. {_ended(failure.message)}"
        remedy = f"{failure.remedy} If the cause is not these organizations', mend it and repair them afterwards."
    else:
        message, remedy = _ended(failure.message), failure.remedy
    due = now + wait_before_probe(cause, 0)
    return OpenBreaker(cause, failure.code, message, remedy, failure.request_id, now, due, 0)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."
