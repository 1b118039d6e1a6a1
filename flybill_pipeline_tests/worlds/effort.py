"""How many examples a property is tried with: what its test says, or a fifth of that in `make quick`."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

QUICK = "quick"
QUICKER = 5
Value = TypeVar("Value")


def register_profiles() -> None:
    """Makes `quick` known, and takes the limit of time from each property: on a busy machine all are late at times.

    The rest is Hypothesis' own choice, which is another one where CI runs.
    """
    settings.register_profile("whole", settings.get_profile(settings.get_current_profile_name()), deadline=None)
    settings.register_profile(QUICK, settings.get_profile("whole"), max_examples=100 // QUICKER)
    settings.load_profile("whole")


def examples(number: int) -> int:
    """So many examples, or a part of them when the tests run with the profile `quick`."""
    return max(2, number // QUICKER) if _is_quick() else number


def some(values: Sequence[Value]) -> Sequence[Value]:
    """These values, or each fifth of them when the tests run with the profile `quick`: for a table that is tried whole
    in one test."""
    return values[::QUICKER] if _is_quick() else values


def _is_quick() -> bool:
    return settings.get_current_profile_name() == QUICK
