"""Tax that Stripe adds by itself. Belongs here: where a customer is, what tax a line or a part of it has, and what
cannot be taxed. Does not: the account's settings (`tax_settings`), totals (`amounts`)."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal

from .amounts import rounded
from .call import Call, require
from .store import Json
from .tax_settings import TaxSettings, tax_settings

_FREE = {"exempt": "customer_exempt", "reverse": "reverse_charge"}


def location_of(invoice: Json) -> Json | None:
    """The address that decides: where goods go before where the customer is; None if it is not precise enough."""
    shipping: Json = (invoice["customer_shipping"] or {}).get("address") or {}
    address: Json = shipping if any(shipping.values()) else invoice["customer_address"] or {}
    known = {"country": None, "state": None, "postal_code": None, **address}
    precise = {
        "US": bool(re.match(r"[0-9]{5}", known["postal_code"] or "")),
        "CA": bool(known["postal_code"] or known["state"]),
    }.get(known["country"], bool(known["country"]))
    return known if precise else None


def require_tax_can_be_set_up(call: Call, wanted: Json | None) -> None:
    """Automatic tax needs an account that has it."""
    inactive = bool(wanted and wanted["enabled"]) and tax_settings(call.store).status != "active"
    message = "Stripe Tax has not been activated on your account. Set it up in the Dashboard, under Tax."
    require(not inactive, message, code="stripe_tax_inactive", param="automatic_tax[enabled]")


def status_of(invoice: Json) -> str | None:
    """What became of the last calculation of an invoice's tax."""
    if not invoice["automatic_tax"]["enabled"]:
        return None
    return "complete" if location_of(invoice) else "requires_location_inputs"


def tax_lines(call: Call, invoice: Json, lines: list[Json], nets: list[int]) -> None:
    """Gives each line the tax of what it comes to after discounts; raises StripeError for one that cannot be taxed."""
    settings, address = tax_settings(call.store), location_of(invoice)
    for line, net in zip(lines, nets, strict=True):
        allowed = settings.negative_lines or line["amount"] >= 0
        require(allowed, "Negative amounts cannot be added to automatic tax invoices.", param="lines")
        behavior = _behavior_of(call, line) or settings.behavior_in(invoice["currency"])
        require(behavior is not None, _UNSPECIFIED, param="lines")
        line["taxes"] = [_tax(settings, address, invoice, str(behavior), net)] if address else []


def remember_behavior(call: Call, line_id: str, behavior: str | None) -> None:
    """Keeps what a price says of its own tax: it goes before the account's default, and no field of a line shows it."""
    if behavior is not None:
        call.store.remember(_behavior_key(line_id), None if behavior == "unspecified" else behavior)


def part_of_tax(source: Json, net: int) -> list[Json]:
    """The tax of a part of a line: `net` minor units of it, without any tax."""
    return [
        {
            **tax,
            "amount": rounded(Decimal(tax["amount"]) * net / tax["taxable_amount"]) if tax["taxable_amount"] else 0,
            "taxable_amount": net,
        }
        for tax in source["taxes"]
    ]


def included(taxes: list[Json]) -> int:
    """The tax that is a part of the amounts."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")


def added(taxes: list[Json]) -> int:
    """The tax that comes on top of the amounts."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")


_UNSPECIFIED = (
    "Prices whose tax_behavior is unspecified cannot be added to automatic tax invoices. Set a default tax behavior in "
    "your tax settings."
)


def _tax(settings: TaxSettings, address: Json, invoice: Json, behavior: str, net: int) -> Json:
    rate = settings.rate_at(address)
    reason = _FREE.get(invoice["customer_tax_exempt"]) or ("not_collecting" if rate is None else "standard_rated")
    percent = Decimal(0) if rate is None or reason in _FREE.values() else rate
    base = 100 + percent if behavior == "inclusive" else Decimal(100)
    amount = rounded(Decimal(net) * percent / base)
    name = hashlib.sha256(f"{address['country']} {address['state']} {behavior} {percent}".encode()).hexdigest()
    return {
        "amount": amount,
        "tax_behavior": behavior,
        "tax_rate_details": {"tax_rate": f"txr_1{name[:22]}"},
        "taxability_reason": reason,
        "taxable_amount": net - amount if behavior == "inclusive" else net,
        "type": "tax_rate_details",
    }


def _behavior_of(call: Call, line: Json) -> str | None:
    behavior: str | None = call.store.recall(_behavior_key(line["id"]), None)
    return behavior


def _behavior_key(line_id: str) -> str:
    return f"tax_behavior of {line_id}"
