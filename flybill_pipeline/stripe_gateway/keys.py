"""Which API keys may be used, and where. The key itself is never part of a message. No calls here."""

import hashlib
import re

STRIPE_HOST = "api.stripe.com"
KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]+")
QUOTES = "\"'`‘’“”"  # noqa: RUF001 - the marks that word processors put around a key


class KeyRefusedError(Exception):
    """This key must not be used like this; the message says why and what to do, and never holds the key."""


def key_fault(key: str) -> str | None:
    """What is wrong with the form of a key, as a sentence that holds nothing of it; None when it has the right form."""
    if KEY.fullmatch(key):
        return None
    if key != key.strip():
        return (
            "has a blank or a line break at its beginning or end, as keys have that were read from a file: take it away"
        )
    if key != key.strip(QUOTES):
        return "has quotation marks around it: take them away"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "has signs in it that no key has (blanks, line breaks, letters with accents): copy it once more"
    if "*" in key or "..." in key:
        return "is the shortened form that Stripe's dashboard shows: reveal the key there, and copy all of it"
    for prefix, other in (("pk_", "a publishable key"), ("whsec_", "the secret of a webhook endpoint")):
        if key.startswith(prefix):
            return f"is {other}, not a secret or restricted key: that one must start with sk_ or rk_"
    return "is not a secret or restricted key: it must start with sk_ or rk_, and test_ or live_"


def is_live_key(api_key: str) -> bool:
    """Whether the key moves real money."""
    return api_key.startswith(("sk_live_", "rk_live_"))


def require_usable_key(api_key: str, *, base: str | None, live: bool) -> None:
    """Raises KeyRefusedError unless the key is one, and key, address and the operator's consent to live mode agree."""
    if fault := key_fault(api_key):
        raise KeyRefusedError(f"STRIPE_API_KEY {fault}.")
    if is_live_key(api_key) and not live:
        raise KeyRefusedError(
            "STRIPE_API_KEY is a live key: real customers would be billed. "
            "Set FLYBILL_STRIPE_LIVE=1 if that is what you want, or use a test key."
        )
    if live and not is_live_key(api_key):
        raise KeyRefusedError(
            "FLYBILL_STRIPE_LIVE=1 is set, but STRIPE_API_KEY is no live key: use a live one, or unset the variable."
        )
    if live and base is not None and not _is_stripe(base):
        raise KeyRefusedError(f"A live key is sent to https://{STRIPE_HOST} and nowhere else: unset STRIPE_API_BASE.")


def _is_stripe(base: str) -> bool:
    return base.rstrip("/") == f"https://{STRIPE_HOST}"


def key_mark(api_key: str) -> str:
    """A mark by which another key is told from this one. It says nothing of the key, which is random and long."""
    return hashlib.blake2b(api_key.encode(), key=b"flybill breaker", digest_size=8).hexdigest()
