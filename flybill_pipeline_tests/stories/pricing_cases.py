"""Prices at their edges, with what they come to by hand: boundaries, fractions, corrections, limits, other currencies.

Data only. Each case is a price of its own, on one meter, in a contract of its own; it is asked and billed in
test_pricing_cases.py.
"""

from dataclasses import dataclass

METERS = """
[meters]
units = { aggregation = "sum", unit = "unit" }
kb = { aggregation = "sum", unit = "kB", divide_by = 1000, round = "up" }
nearest = { aggregation = "sum", unit = "kB", divide_by = 1000, round = "nearest" }
thirds = { aggregation = "sum", unit = "third", divide_by = 3 }
bits = { aggregation = "sum", unit = "kbit", multiply_by = 8, divide_by = 1000 }
"""


@dataclass(frozen=True)
class Case:
    """`amount` is exact, in major units; `minor` is it in the currency's minor units. `billed` after conversion."""

    price: str
    quantity: str
    amount: str
    minor: int
    currency: str = "usd"
    meter: str = "units"
    billed: str | None = None


_FEES = """model = "graduated"
tiers = [
  { up_to = 10, unit_amount = 10, flat_amount = 2 },
  { up_to = 20, unit_amount = 5, flat_amount = 3 },
  { unit_amount = 1, flat_amount = 4 },
]"""
_INCLUDED = """model = "graduated"
tiers = [ { up_to = 100, unit_amount = 0 }, { flat_amount = 9.99 } ]"""
_VOLUME = """model = "volume"
tiers = [
  { up_to = 100, unit_amount = 2, flat_amount = 10 },
  { up_to = 200, unit_amount = 1 },
  { unit_amount = 0.5, flat_amount = 50 },
]"""
_BOXES = 'model = "package"\npackage_size = 1000\nunit_amount = 0.5\nfree_units = 500'
_HALVES = 'model = "package"\npackage_size = 0.5\nunit_amount = 0.1'
_SHARE = 'model = "percentage"\nrate = 0.029'
_FLAT = 'model = "flat"\nunit_amount = 25'
_FIVE_FREE = f"free_units = 5\n{_FEES}"


def _per_unit(amount: str) -> str:
    return f'model = "per_unit"\nunit_amount = {amount}'


CASES: dict[str, Case] = {
    # graduated: a tier holds its own end, its flat fee is due when it is entered
    "graduated-nothing": Case(_FEES, "0", "0", 0),
    "graduated-sliver": Case(_FEES, "0.0001", "2.001", 200),
    "graduated-at-first-end": Case(_FEES, "10", "102", 10_200),
    "graduated-past-first-end": Case(_FEES, "10.01", "105.05", 10_505),  # 100 + 2, then 0.05 + 3
    "graduated-at-second-end": Case(_FEES, "20", "155", 15_500),
    "graduated-open-tier": Case(_FEES, "20.5", "159.5", 15_950),
    "graduated-correction": Case(_FEES, "-12", "-110", -11_000),  # 10 x 10 and 2 x 5; fees are not given back
    "graduated-free-units-only": Case(_FIVE_FREE, "5", "0", 0),
    "graduated-after-free-units": Case(_FIVE_FREE, "15", "102", 10_200),
    "graduated-included": Case(_INCLUDED, "100", "0", 0),
    "graduated-flat-fee-beyond": Case(_INCLUDED, "100.01", "9.99", 999),
    # volume: everything at the price of the one tier that holds it
    "volume-at-first-end": Case(_VOLUME, "100", "210", 21_000),
    "volume-past-first-end": Case(_VOLUME, "100.000001", "100.000001", 10_000),
    "volume-at-second-end": Case(_VOLUME, "200", "200", 20_000),
    "volume-open-tier": Case(_VOLUME, "200.5", "150.25", 15_025),
    "volume-nothing": Case(_VOLUME, "0", "0", 0),
    "volume-correction": Case(_VOLUME, "-150", "-150", -15_000),
    # package: started boxes after the free units
    "package-free": Case(_BOXES, "500", "0", 0),
    "package-started": Case(_BOXES, "500.001", "0.5", 50),
    "package-full": Case(_BOXES, "1500", "0.5", 50),
    "package-second-started": Case(_BOXES, "1500.5", "1.0", 100),
    "package-correction": Case(_BOXES, "-1501", "-1.0", -100),
    "package-of-a-fraction": Case(_HALVES, "1.2", "0.3", 30),
    # percentage, with everything around it
    "percentage": Case(_SHARE, "123.45", "3.58005", 358),
    "percentage-free": Case(f"{_SHARE}\nfree_units = 50", "100", "1.45", 145),
    "percentage-least": Case(f"{_SHARE}\nminimum_spend = 0.5", "10", "0.5", 50),
    "percentage-most": Case(f"{_SHARE}\nmaximum_spend = 5", "1000", "5", 500),
    "percentage-committed": Case(f"{_SHARE}\nminimum_spend = 0.5", "0", "0.5", 50),
    # limits
    "maximum-of-a-correction": Case(f"{_per_unit('10')}\nmaximum_spend = 100", "-11", "-100", -10_000),
    "maximum-just-reached": Case(f"{_per_unit('10')}\nmaximum_spend = 100", "10", "100", 10_000),
    "minimum-is-maximum": Case(f"{_per_unit('1')}\nminimum_spend = 50\nmaximum_spend = 50", "99", "50", 5_000),
    "minimum-after-a-correction": Case(f"{_per_unit('1')}\nminimum_spend = 50", "-3", "50", 5_000),
    # flat
    "flat": Case(_FLAT, "0.001", "25", 2_500),
    "flat-nothing": Case(_FLAT, "0", "0", 0),
    "flat-correction": Case(_FLAT, "-3", "0", 0),
    "flat-most": Case(f"{_FLAT}\nmaximum_spend = 20", "3", "20", 2_000),
    "flat-by-its-tier-name": Case('model = "flat"\nflat_amount = 25', "3", "25", 2_500),
    "flat-beyond-what-is-free": Case(f"{_FLAT}\nfree_units = 3", "3", "0", 0),
    # sizes
    "tiny-price": Case(_per_unit("0.0000008"), "99999999999", "79999.9999992", 8_000_000),
    "tiny-quantity": Case(_per_unit("1000000"), "0.000000000000000001", "0.000000000001", 0),
    "half-a-cent": Case(_per_unit("0.005"), "1", "0.005", 1),
    "half-a-cent-back": Case(_per_unit("0.005"), "-1", "-0.005", -1),
    "nearly-half-a-cent": Case(_per_unit("0.004999999999"), "1", "0.004999999999", 0),
    "billed-once": Case(_per_unit("0.067"), "55", "3.685", 369),
    # currencies
    "yen": Case(_per_unit("2.5"), "1", "2.5", 3, "jpy"),
    "yen-boxes": Case('model = "package"\npackage_size = 100\nunit_amount = 999', "101", "1998", 1_998, "jpy"),
    "yen-share": Case('model = "percentage"\nrate = 0.105', "999", "104.895", 105, "jpy"),
    "dinar": Case(_per_unit("1.2345"), "1", "1.2345", 1_230, "kwd"),
    "dinar-half-a-step": Case(_per_unit("0.005"), "1", "0.005", 10, "kwd"),
    "dinar-below-half": Case(_per_unit("0.0049"), "1", "0.0049", 0, "kwd"),
    "krona": Case(_per_unit("12.5"), "1", "12.5", 1_300, "isk"),
    # conversions: once for the line, after which the price sees the billed unit
    "started-kilobytes": Case(_per_unit("1"), "2001", "3", 300, meter="kb", billed="3"),
    "whole-kilobytes": Case(_per_unit("1"), "2000", "2", 200, meter="kb", billed="2"),
    "kilobytes-back": Case(_per_unit("1"), "-2001", "-3", -300, meter="kb", billed="-3"),
    "kilobytes-by-the-box": Case(_HALVES, "2001", "0.6", 60, meter="kb", billed="3"),
    "nearest-is-away-from-zero": Case(_per_unit("1"), "2500", "3", 300, meter="nearest", billed="3"),
    "nearest-below-half": Case(_per_unit("1"), "2499", "2", 200, meter="nearest", billed="2"),
    "a-third": Case(_per_unit("3"), "1", "0.999999999999999999", 100, meter="thirds", billed="0.333333333333333333"),
    "bits-in-tiers": Case(_FEES, "2500", "155", 15_500, meter="bits", billed="20"),
}
