"""A request to the API and its answer as plain values. Belongs here: what was asked and what is answered. Does not:
HTTP machinery (`app`) and deciding the answer (`engine`)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from .errors import KeyReusedError, ParameterError, StripeError
from .forms import parse_pairs
from .router import Route, find_route
from .store import dump

_KEY_PREFIXES = ("sk_test_", "rk_test_", "sk_live_", "rk_live_")


@dataclass(frozen=True)
class Request:
    """One call. `arrived` is real Unix time in seconds; `encoded` is the query string or the form body."""

    id: str
    arrived: float
    method: str
    path: str
    headers: Mapping[str, str]
    encoded: bytes

    @cached_property
    def routed(self) -> tuple[Route | None, str]:
        """The endpoint, if there is one, and the object id in the path."""
        return find_route(self.method, self.path)

    @property
    def endpoint(self) -> str:
        """The canonical name of the endpoint, or "unknown"."""
        route = self.routed[0]
        return route.name if route else "unknown"

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters as sent."""
        return parse_pairs(self.encoded)

    @property
    def key(self) -> str | None:
        """The idempotency key; Stripe ignores one on GET and DELETE."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    @property
    def api_key(self) -> str:
        """The secret key, empty if none was given: a bearer's, or the name of basic authentication."""
        kind, _, given = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return given.strip()
        with suppress(ValueError):  # what is no base64 or no text is no key
            return base64.b64decode(given, validate=True).decode().partition(":")[0]
        return given.strip()

    @property
    def authentic(self) -> bool:
        """Whether the secret key looks like one of Stripe's."""
        return self.api_key.startswith(_KEY_PREFIXES)

    @property
    def livemode(self) -> bool:
        """Whether the secret key is a live one."""
        return self.api_key.startswith(("sk_live_", "rk_live_"))

    @property
    def fingerprint(self) -> str:
        """Equal for equal parameters, whatever their order."""
        return hashlib.sha256(repr(sorted(self.pairs)).encode()).hexdigest()

    @property
    def echoed(self) -> dict[str, str]:
        """The headers that every answer repeats."""
        names = {"stripe-version": "Stripe-Version", "idempotency-key": "Idempotency-Key"}
        return {shown: self.headers[name] for name, shown in names.items() if name in self.headers}


@dataclass(frozen=True)
class Reply:
    """One answer. `blame` is the oracle's rule and the message when the answer proves a client's mistake."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False
    blame: tuple[str, str] | None = None
    content_type: str = "application/json"


@dataclass(frozen=True)
class Delivery:
    """How an answer goes on the wire. No reply: the connection is closed without a byte.

    cut: the body stops half-way. delay: seconds to wait before answering.
    late: seconds after which the request, whose connection was closed, is executed after all.
    """

    reply: Reply | None
    cut: bool = False
    delay: float = 0.0
    late: float | None = None


def error_reply(error: StripeError) -> Reply:
    """The answer that an error makes."""
    blame = None
    if isinstance(error, ParameterError):
        blame = ("bad_request", error.message)
    elif isinstance(error, KeyReusedError):
        blame = ("key_reused", error.message)
    return Reply(error.status, dump(error.body()).encode(), error.headers, blame=blame)
