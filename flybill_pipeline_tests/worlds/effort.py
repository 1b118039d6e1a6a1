"""How many examples a property is tried with: what its test says, or a fifth of that in `make quick`."""

from hypothesis import settings

QUICK = "quick"
QUICKER = 5

settings.register_profile(QUICK, max_examples=100 // QUICKER)


def examples(number: int) -> int:
    """So many examples, or a part of them when the tests run with the profile `quick`."""
    return max(2, number // QUICKER) if settings.get_current_profile_name() == QUICK else number
