"""How many examples a property is tried with: what its test says in `make chaos`, a quarter in `make test`, and an
eighth in `make quick`. Not here: what is tried.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

LONG, SHORT, QUICK = "long", "short", "quick"
SHARES = {LONG: 1, SHORT: 4, QUICK: 8}
"""Profile → the part of the examples that it tries, as a divisor."""
ALL = 100
"""The examples of a property whose test says nothing."""
Value = TypeVar("Value")


def register_profiles() -> None:
    """Makes the profiles known, and takes the limit of time from each property: on a busy machine all are late.

    The rest is Hypothesis' own choice, which is another one where CI runs.
    """
    chosen = settings.get_profile(settings.get_current_profile_name())
    for name, share in SHARES.items():
        settings.register_profile(name, chosen, deadline=None, max_examples=ALL // share)
    settings.load_profile(SHORT)


def examples(number: int) -> int:
    """So many examples, or the part of them that the profile tries."""
    return max(2, number // SHARES[settings.get_current_profile_name()])


def some(values: Sequence[Value]) -> Sequence[Value]:
    """These values, or each eighth of them when the tests run with the profile `quick`: for a table that is tried whole
    in one test."""
    return values[:: SHARES[QUICK]] if settings.get_current_profile_name() == QUICK else values
