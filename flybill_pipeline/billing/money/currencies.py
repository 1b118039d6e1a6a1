"""The currencies as Stripe counts them, as a table. No arithmetic here, and nothing derived from ISO 4217 or a locale.

Source: Stripe's "Supported currencies" (zero-decimal, three-decimal and special cases; minimum amounts per currency;
"up to twelve digits for IDR … and up to eight digits for all other currencies").
"""

from dataclasses import dataclass
from types import MappingProxyType


class UnknownCurrencyError(ValueError):
    """The text does not name a currency that Stripe takes."""


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency: `units_per_major` minor units make one whole; an amount must be a multiple of `step` minor units.

    `minimum_minor` is the smallest total that Stripe collects. It is 0 where Stripe publishes none: there Stripe
    applies the minimum of the account's settlement currency, which is not known here. `maximum_minor` is the largest
    total that Stripe collects at once.
    """

    code: str
    units_per_major: int
    step: int
    symbol: str
    minimum_minor: int
    maximum_minor: int


_TWO_DECIMALS = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve
    czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd kes kgs khr kyd kzt lak
    lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar
    ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd xcg yer
    zar zmw
"""
_ZERO_DECIMALS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMALS = "bhd jod kwd omr tnd"  # the last digit must be 0
_WHOLE_UNITS_TIMES_100 = "isk ugx"  # no decimals any more, yet Stripe still counts them in hundredths

_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩", "ils": "₪", "vnd": "₫"}

_MINIMUMS_MINOR = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip

_EIGHT_DIGITS = 99_999_999
_MAXIMUMS_MINOR = {"idr": 999_999_999_999}


def _table() -> dict[str, Currency]:
    counted = [
        (_TWO_DECIMALS, 100, 1),
        (_ZERO_DECIMALS, 1, 1),
        (_THREE_DECIMALS, 1000, 10),
        (_WHOLE_UNITS_TIMES_100, 100, 100),
    ]
    return {
        code: Currency(
            code,
            units_per_major,
            step,
            _SYMBOLS.get(code, ""),
            minimum_minor=_MINIMUMS_MINOR.get(code, 0),
            maximum_minor=_MAXIMUMS_MINOR.get(code, _EIGHT_DIGITS),
        )
        for codes, units_per_major, step in counted
        for code in codes.split()
    }


CURRENCIES = MappingProxyType(_table())
RETIRED = MappingProxyType({"bgn": ("2026-01-01", "eur")})
"""Currencies that are nobody's money any more, since when, and what took their place; Stripe still takes them."""


def currency_of(code: str) -> Currency:
    """The row of `code` (upper or lower case). Raises UnknownCurrencyError."""
    try:
        return CURRENCIES[code.lower()]
    except KeyError:
        raise UnknownCurrencyError(
            f"{code!r} is not a currency that Stripe takes; use a code such as usd, eur or jpy"
        ) from None
