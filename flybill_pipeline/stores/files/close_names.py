"""Which name was meant, when a file that a person wrote has one that nobody knows. What is known: its readers say."""

import difflib
from collections.abc import Collection


def did_you_mean(name: str, known: Collection[str]) -> str:
    """` (did you mean 'x'?)` when something close is known, else nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
