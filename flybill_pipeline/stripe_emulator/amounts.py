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


def totals(lines: list[Json], discounts: list[Json]) -> Json:
    """The invoice's fields from subtotal to total. A discount is {id, source: {coupon}} with its coupon expanded."""
    subtotal = sum(line["amount"] for line in lines)
    remaining = sum(line["amount"] for line in lines if line["discountable"])
    amounts = []
    for discount in discounts:
        amount = _discounted(remaining, discount["source"]["coupon"])
        remaining -= amount
        amounts.append({"amount": amount, "discount": discount["id"]})
    taxes = [tax for line in lines for tax in line["taxes"]]
    excluding_tax = subtotal - sum(entry["amount"] for entry in amounts)
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": excluding_tax + sum(tax["amount"] for tax in taxes),
        "total_excluding_tax": excluding_tax,
        "total_discount_amounts": amounts,
        "total_taxes": taxes,
    }


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
