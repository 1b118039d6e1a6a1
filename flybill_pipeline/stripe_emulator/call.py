"""What every endpoint handler is given. Belongs here: the context of one execution and the look-ups that all handlers
share. Does not: anything about a particular kind of object."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from .errors import StripeError, no_such
from .store import Json, Store

_NOUNS = {"invoice": "invoice", "customer": "customer", "credit_note": "credit note", "event": "event"}


@dataclass(frozen=True)
class Call:
    """One execution: `now` is virtual Unix time; request_id is None when Stripe itself acts."""

    store: Store
    now: int
    livemode: bool
    request_id: str | None = None
    idempotency_key: str | None = None
    api_version: str | None = None

    @property
    def account_id(self) -> str:
        """The account that this store is of: made up once, and kept as long as everything else in it."""
        known = self.store.recall("account_id", None)
        if known is None:
            self.store.remember("account_id", known := f"acct_1{secrets.token_hex(8)}")
        return str(known)

    def find(self, kind: str, object_id: str, *, param: str, status: int = 400) -> Json:
        """The object, or Stripe's error naming `param` (status 404 for an id in the path, 400 for one in the body)."""
        obj = self.store.get(kind, object_id)
        noun = _NOUNS.get(kind, kind)
        if obj is None:
            raise no_such(noun, object_id, param=param, status=status)
        if obj.get("livemode", self.livemode) != self.livemode:
            other_mode = "live" if obj["livemode"] else "test"
            raise no_such(noun, object_id, param=param, status=status, other_mode=other_mode)
        return obj

    def live_customer(self, customer_id: str, *, param: str = "customer", status: int = 400) -> Json:
        """A customer that may be written to; a deleted one is as good as missing."""
        customer = self.find("customer", customer_id, param=param, status=status)
        if customer.get("deleted"):
            raise no_such("customer", customer_id, param=param, status=status)
        return customer


def new_id(prefix: str) -> str:
    """A fresh id in Stripe's style, such as in_1f0c..."""
    return f"{prefix}_1{secrets.token_hex(11)}"


def require(condition: bool, message: str, *, code: str | None = None, param: str | None = None) -> None:
    """Raises a 400 of an endpoint that has begun to execute, unless the condition holds."""
    if not condition:
        raise StripeError(message, code=code, param=param)


def merged_metadata(current: dict[str, str], change: dict[str, str] | None) -> dict[str, str]:
    """Stripe's metadata update: None unsets all, an empty value unsets its key, the rest is set."""
    if change is None:
        return {}
    return {key: value for key, value in {**current, **change}.items() if value != ""}
