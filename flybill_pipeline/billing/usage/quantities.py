"""Which texts a person may type as a quantity: just those that usage files may hold. Reading files is not here."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,4}))?")
MOST_DECIMALS = 18
LARGEST = Decimal(10) ** 15  # of one record, so that what a day and a month add up to can be kept
LARGER_UNIT = "write it in a larger unit, such as GB for bytes"
_SHOWN = 40  # characters of a text that is refused


class QuantityError(ValueError):
    """The text is no quantity; the message says why, and how to write one."""


def read_quantity(text: str, larger: str = LARGER_UNIT) -> Decimal:
    """The exact quantity that `text` writes: ASCII digits, at most 18 decimals, less than 1e15. Raises QuantityError.

    `larger` says what to do with a larger one. As the intake of usage reads it: no blanks, no separators, no other
    digits, neither NaN nor infinity.
    """
    shown = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    match = _NUMBER.fullmatch(text)
    if match is None or not match[2] + match[3]:
        raise QuantityError(f"{shown} is not a number: write plain digits with a point, such as 1500.25")
    whole = (match[2] + match[3]).lstrip("0")
    digits = whole.rstrip("0")
    # The number is its digits, without zeros at either end, times ten to the power of `low`.
    low = int(match[4] or 0) - len(match[3]) + len(whole) - len(digits)
    if digits and low < -MOST_DECIMALS:
        raise QuantityError(f"{shown} has more than {MOST_DECIMALS} decimals, and is never rounded")
    if digits and len(digits) + low > LARGEST.adjusted():
        raise QuantityError(f"{shown} is 1e15 or more: {larger}")
    return Decimal(f"{match[1]}{digits}E{low}") if digits else Decimal(0)
