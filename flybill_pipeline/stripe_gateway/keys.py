"""Which API keys may be used, and where. The key itself is never part of a message. No calls here."""

import hashlib

STRIPE_HOST = "api.stripe.com"


class KeyRefusedError(Exception):
    """This key must not be used like this; the message says why and what to do, and never holds the key."""


def is_live_key(api_key: str) -> bool:
    """Whether the key moves real money."""
    return api_key.startswith(("sk_live_", "rk_live_"))


def require_usable_key(api_key: str, *, base: str | None, live: bool) -> None:
    """Raises KeyRefusedError unless key, address and the operator's consent to live mode agree."""
    if not api_key.startswith(("sk_", "rk_")):
        raise KeyRefusedError("STRIPE_API_KEY is not a secret or restricted key: it must start with sk_ or rk_.")
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
