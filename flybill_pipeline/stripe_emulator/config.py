"""How one emulator is set up: values only. Belongs here: settings and Stripe's fixed numbers. Does not: behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_API_VERSION = "2026-10-28.endive"
"""Answered as `Stripe-Version` when a request names none: the version stripe-python 16.1 is generated from."""

MINUTE, HOUR, DAY = 60, 3600, 86400

KEY_LIFETIME = DAY
"""Seconds for which a v1 idempotency key is remembered."""

EVENT_HORIZON = 30 * DAY
"""Seconds for which events can be listed."""

COLLECTION_DELAY = HOUR
"""Seconds from finalization, or from a draft that advances by itself, to automatic collection."""

DRAFT_LIFETIME = HOUR + 1
"""Seconds from a draft to its automatic finalization: Stripe rounds this moment up, and that of collection down."""

RETRY_DELAY = 3 * DAY
"""Seconds from a failed automatic payment to the next attempt."""

MAX_ATTEMPTS = 4
"""Automatic payment attempts before Stripe gives up."""

MAX_INVOICE_LINES = 250
EMBEDDED_LINES = 10
MAX_EVENT_TYPES = 20


@dataclass(frozen=True)
class EmulatorConfig:
    """Settings of one emulator.

    state_path: the SQLite file that holds everything; None keeps it in memory.
    limit_endpoint, limit_global, limit_global_live: requests per real second for one endpoint, for all endpoints
    together with a test key, and with a live key; None means unlimited.
    limit_concurrent: requests under way at one endpoint (four times as many over all); None means unlimited.
    account_id: the account that all keys belong to; None makes one up, which stays with the state.
    tax_behavior: whether prices include tax where they do not say it: exclusive (if None), inclusive, or
    inferred_by_currency.
    """

    state_path: Path | None = None
    limit_endpoint: int | None = 25
    limit_global: int | None = 25
    limit_global_live: int | None = 100
    limit_concurrent: int | None = None
    account_id: str | None = None
    tax_behavior: str | None = None

    def limit_for_mode(self, livemode: bool) -> int | None:
        """The account-wide limit in requests per second for a live or a test key."""
        return self.limit_global_live if livemode else self.limit_global
