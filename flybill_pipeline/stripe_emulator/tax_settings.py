"""The account's settings of Stripe Tax. Belongs here: their endpoints, where the account collects tax and at what rate.
Does not: how much tax a line has (`taxes`)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .call import Call, require
from .events import emit
from .store import Json, Store

_SETTINGS = "tax_settings"
"""The remembered fact: what was set, over the defaults below."""

RATES = {
    **dict.fromkeys(("DK", "HR", "NO", "SE"), "25"),
    **dict.fromkeys(("AT", "FR", "GB", "SK"), "20"),
    **dict.fromkeys(("BE", "CZ", "ES", "LT", "LV", "NL"), "21"),
    "AU": "10",
    "CA": "5",
    "CH": "8.1",
    "DE": "19",
    "IE": "23",
    "IN": "18",
    "IT": "22",
    "JP": "10",
    "PL": "23",
    "US-NY": "8.875",
}
"""Percent where the account is registered, by country or by country and state. Elsewhere it collects nothing."""

BEHAVIORS = ("exclusive", "inclusive", "inferred_by_currency")
_EXCLUSIVE_BY_CURRENCY = ("usd", "cad")


@dataclass(frozen=True)
class TaxSettings:
    """What decides about tax. `behavior` None: nobody has chosen one yet; `status` pending: tax is not set up.

    `negative_lines`: whether lines below zero are taxed instead of refused.
    """

    behavior: str | None
    status: str
    rates: dict[str, str]
    negative_lines: bool

    def behavior_in(self, currency: str) -> str | None:
        """Whether prices of a currency include their tax."""
        if self.behavior == "inferred_by_currency":
            return "exclusive" if currency in _EXCLUSIVE_BY_CURRENCY else "inclusive"
        return self.behavior

    def rate_at(self, address: Json) -> Decimal | None:
        """The percentage at an address; None where the account is not registered."""
        known = self.rates.get(f"{address['country']}-{address['state']}", self.rates.get(address["country"]))
        return None if known is None else Decimal(known)


def tax_settings(store: Store) -> TaxSettings:
    """What is set now."""
    given = store.recall(_SETTINGS, {})
    return TaxSettings(
        behavior=given.get("behavior", "exclusive"),
        status=given.get("status", "active"),
        rates=given.get("rates", RATES),
        negative_lines=given.get("negative_lines", False),
    )


def change(store: Store, **settings: Any) -> None:
    """Sets some of `TaxSettings`, as a person may in the Dashboard; raises StripeError for a value that none has."""
    require(settings.get("behavior") in (*BEHAVIORS, None), f"behavior must be one of {', '.join(BEHAVIORS)}, or null.")
    require(settings.get("status", "active") in ("active", "pending"), "status must be active or pending.")
    require(isinstance(settings.get("rates", {}), dict), "rates must be percentages by country.")
    unknown = settings.keys() - {"behavior", "status", "rates", "negative_lines"}
    require(not unknown, f"Unknown: {', '.join(sorted(unknown))}.")
    store.remember(_SETTINGS, {**store.recall(_SETTINGS, {}), **settings})


def retrieve_settings(call: Call, _params: Json, _id: str) -> Json:
    """GET /v1/tax/settings."""
    settings = tax_settings(call.store)
    active = settings.status == "active"
    missing: Json = {"pending": {"missing_fields": ["head_office"]}}
    address = dict.fromkeys(("city", "line1", "line2", "postal_code")) | {"country": "US", "state": "CA"}
    return {
        "object": "tax.settings",
        "defaults": {"provider": "stripe", "tax_behavior": settings.behavior, "tax_code": "txcd_10000000"},
        "head_office": {"address": address} if active else None,
        "livemode": call.livemode,
        "status": settings.status,
        "status_details": {"active": {}} if active else missing,
    }


def update_settings(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/tax/settings: what is set cannot be taken back; a head office makes them active."""
    before = retrieve_settings(call, {}, "")
    if behavior := (params.get("defaults") or {}).get("tax_behavior"):
        change(call.store, behavior=behavior)
    if params.get("head_office"):
        change(call.store, status="active")
    after = retrieve_settings(call, {}, "")
    emit(call, "tax.settings.updated", after, before)
    return after
