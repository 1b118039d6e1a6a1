"""The one door from Stripe's JSON to values of ours: what is no such value, or could not be stored, does not pass.

Whatever answers in Stripe's place may send any JSON: a text for an amount, a year 30,000, a half character. Reading
members is left to the callers; what they, and the library, raise of an answer that is none is listed here.
"""

from collections.abc import Hashable
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

T = TypeVar("T")

NONSENSE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, OSError)
"""What is raised where an answer is not what was asked for; OSError by a time that no clock shows."""
LONGEST_TEXT = 5000
LARGEST_NUMBER = 2**63
"""Of the databases, which keep whole numbers in eight bytes."""


def shaped(kind: type[T], /, **members: Any) -> T:
    """A value of the dataclass `kind` whose members are of its own types exactly. Raises ValueError."""
    values = _model(cast(Hashable, kind)).model_validate(members).model_dump(exclude_unset=True)
    for value in values.values():
        if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
            raise ValueError("a number that cannot be stored")
        if isinstance(value, str) and ("\0" in value or len(value) > LONGEST_TEXT):
            raise ValueError("a text that cannot be stored")
    return kind(**values)


def text_of(value: Any) -> str:
    """A text that is one. Raises TypeError."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("no text")
    return value


@cache
def _model(kind: Any) -> type[BaseModel]:
    hints = get_type_hints(kind)
    members: dict[str, Any] = {
        each.name: (hints[each.name], ... if each.default is MISSING else each.default) for each in fields(kind)
    }
    return create_model(kind.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **members)
