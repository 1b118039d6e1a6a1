"""What an invoice amounts to. Belongs here: pure arithmetic on integers of minor units. Does not: storing anything."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .store import Json

MINIMUM_CHARGE = {
    **dict.fromkeys(("usd", "eur", "cad", "aud", "chf", "brl", "inr", "nzd", "sgd"), 50),
    "gbp": 30,
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "hkd": 400,
    "huf": 17500,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
}
"""Stripe's smallest payment in minor units; other currencies are converted by Stripe, here 50 is assumed."""


@dataclass(frozen=True)
class Settlement:
    """How a total and the customer's balance (positive: owed, negative: credit) meet, in minor units."""

    amount_due: int
    ending_balance: int


def rounded(amount: Decimal) -> int:
    """The nearest minor unit, half away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def discounted(lines: list[Json], discounts: list[Json]) -> tuple[list[Json], list[int]]:
    """What each discount takes off, and what each line then comes to.

    A discount is {id, source: {coupon}} with its coupon expanded; all lines that can be discounted share it.
    """
    nets = [line["amount"] for line in lines]
    shared = [line["discountable"] for line in lines]
    taken = []
    for discount in discounts:
        weights = [net if takes_part else 0 for net, takes_part in zip(nets, shared, strict=True)]
        amount = _discounted(sum(weights), discount["source"]["coupon"])
        nets = [net - part for net, part in zip(nets, apportioned(amount, weights), strict=True)]
        taken.append({"amount": amount, "discount": discount["id"]})
    return taken, nets


def apportioned(amount: int, weights: list[int]) -> list[int]:
    """The amount in parts by weight, rounded down; what is left goes to the first ones, a unit each."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    for index in [index for index, weight in enumerate(weights) if weight][: amount - sum(parts)]:
        parts[index] += 1
    return parts


def totals(lines: list[Json], taken: list[Json]) -> Json:
    """The invoice's fields from subtotal to total, of lines with their taxes and of what discounts take off."""
    taxes = [tax for line in lines for tax in line["taxes"]]
    subtotal, off = sum(line["amount"] for line in lines), sum(entry["amount"] for entry in taken)
    included, on_top = (
        sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == behavior)
        for behavior in ("inclusive", "exclusive")
    )
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - included,
        "total": subtotal - off + on_top,
        "total_excluding_tax": subtotal - off - included,
        "total_discount_amounts": taken,
        "total_taxes": summed_taxes(taxes),
    }


def summed_taxes(taxes: list[Json]) -> list[Json]:
    """One entry for each rate and reason, in the order in which they come up."""
    summed: dict[tuple[str, str], Json] = {}
    for tax in taxes:
        entry = summed.setdefault(
            (tax["tax_rate_details"]["tax_rate"], tax["taxability_reason"]), {**tax, "amount": 0, "taxable_amount": 0}
        )
        entry["amount"] += tax["amount"]
        entry["taxable_amount"] += tax["taxable_amount"]
    return list(summed.values())


def settle(total: int, balance: int, currency: str) -> Settlement:
    """Applies the balance; what is then too small to be paid is owed with the next invoice."""
    owed = total + balance
    if owed < MINIMUM_CHARGE.get(currency, 50):
        return Settlement(0, owed)
    return Settlement(owed, 0)


def _discounted(amount: int, coupon: Json) -> int:
    if coupon["percent_off"] is not None:
        return rounded(Decimal(amount) * Decimal(str(coupon["percent_off"])) / 100)
    return int(max(min(coupon["amount_off"], amount), 0))
