"""Decoders of single words: strings, integers, decimals, booleans, enumerations. Belongs here: their syntax and
Stripe's wording when it is wrong. Does not: structure (`params`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from .errors import ParameterError, empty_param
from .forms import Form
from .parameter_limits import DECIMAL_PLACES, Limit

_INTEGER = re.compile(r"-?[0-9]{1,19}")
# An exponent ("1E-7", which stripe-python sends for small Decimals) is refused: whether Stripe takes it is not known.
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.([0-9]+))?")
_CURRENCY = re.compile(r"[a-z]{3}")


def word(form: Form, path: str) -> str:
    """The single non-empty value that was sent."""
    if not isinstance(form, str):
        raise ParameterError(f"Invalid string: {form}", param=path)
    if form == "":
        raise empty_param(path)
    return form


def string(length: int, *, unsettable: bool) -> Callable[[Form, str], str | None]:
    """A string of at most `length` characters; an empty one unsets an optional parameter."""

    def decode(form: Form, path: str) -> str | None:
        if form == "" and unsettable:
            return None
        text = word(form, path)
        if len(text) > length:
            shown = f"{text[:8]}...{text[-8:]}"
            raise ParameterError(f"Invalid string: {shown}; must be at most {length} characters", param=path)
        return text

    return decode


def integer(limit: Limit) -> Callable[[Form, str], int]:
    """An integer within the limit."""

    def decode(form: Form, path: str) -> int:
        text = word(form, path)
        if not _INTEGER.fullmatch(text):
            raise ParameterError(f"Invalid integer: {text}", param=path, code="parameter_invalid_integer")
        return _within(limit, int(text), path)

    return decode


def decimal(limit: Limit) -> Callable[[Form, str], Decimal]:
    """A plain decimal of at most 12 places within the limit."""

    def decode(form: Form, path: str) -> Decimal:
        text = word(form, path)
        match = _DECIMAL.fullmatch(text)
        if match is None or len(match[2] or "") > DECIMAL_PLACES:
            message = f"Invalid decimal: {text}; must contain at maximum {DECIMAL_PLACES} decimal places."
            raise ParameterError(message, param=path)
        _within(limit, int(Decimal(text)), path)
        if limit.low == 0 and text.startswith("-"):
            raise ParameterError(f"Invalid non-negative decimal: {text}", param=path)
        return Decimal(text)

    return decode


def boolean(form: Form, path: str) -> bool:
    """true or false."""
    text = word(form, path)
    if text not in ("true", "false"):
        raise ParameterError(f"Invalid boolean: {text}", param=path)
    return text == "true"


def currency(form: Form, path: str) -> str:
    """A three-letter code, in lower case; capitals are accepted, as Stripe does."""
    code = word(form, path).lower()
    if not _CURRENCY.fullmatch(code):
        raise ParameterError(f"Invalid currency: {code}.", param=path)
    return code


def enumeration(choices: tuple[str, ...]) -> Callable[[Form, str], str]:
    """One of the choices."""
    listed = ", ".join(choices[:-1]) + f", or {choices[-1]}" if len(choices) > 1 else choices[0]

    def decode(form: Form, path: str) -> str:
        text = word(form, path)
        if text not in choices:
            raise ParameterError(f"Invalid {path}: must be one of {listed}", param=path)
        return text

    return decode


def _within(limit: Limit, value: int, path: str) -> int:
    if value < limit.low:
        hint = "non-negative integer" if limit.low == 0 else f"integer: must be at least {limit.low}"
        raise ParameterError(f"Invalid {hint}: {value}", param=path, code="parameter_invalid_integer")
    if value > limit.high:
        message = f"Invalid integer: {value} is more than {limit.high}"
        raise ParameterError(message, param=path, code="parameter_invalid_integer")
    return value
