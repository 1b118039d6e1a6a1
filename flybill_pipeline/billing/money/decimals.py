"""Exact decimal arithmetic, in a context that refuses to round, and decimals as plain text. No money, no prices."""

from contextlib import AbstractContextManager, nullcontext
from decimal import (
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
)

ZERO = Decimal(0)

# The default context keeps 28 digits and rounds the rest away without a word. A quantity of 38 digits times a price of
# 30 needs 68; what would not fit into 300 is a mistake, and raises.
_EXACT = Context(prec=300, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, FloatOperation])


_ENTERED = nullcontext()


def exact() -> AbstractContextManager[object]:
    """A `with` block in which an operation either gives its exact result or raises `decimal.Inexact`.

    Within another one it costs next to nothing: who works on many numbers enters it once around all of them.
    """
    return _ENTERED if getcontext().prec == _EXACT.prec else localcontext(_EXACT)


def plain(number: Decimal) -> str:
    """`number` as digits, without exponent or trailing zeros: 0.0000001, never 1E-7; 1000, never 1E+3; 0, never -0."""
    text = str(number)  # four times as fast as format, and the same unless there is an exponent
    return _trimmed(format(number, "f") if "E" in text else text)


def grouped(number: Decimal) -> str:
    """Like `plain`, with thousands separated for people: 1,440,000.5."""
    return _trimmed(format(number, ",f"))


def _trimmed(text: str) -> str:
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def divide(dividend: Decimal, divisor: Decimal, places: int = 18) -> Decimal:
    """`dividend / divisor` rounded half away from zero at the `places`-th decimal; exact where it ends before that.

    Division is the one operation without an exact result, so the caller says how many places are kept. 18 is
    what a stored quantity keeps.
    """
    with exact():
        scaled, unit = dividend.scaleb(places), Decimal(1).scaleb(-places)
        whole, rest = divmod(abs(scaled), abs(divisor))
        rounded = whole + (1 if 2 * rest >= abs(divisor) else 0)
        return (rounded if (dividend < 0) == (divisor < 0) else -rounded) * unit
