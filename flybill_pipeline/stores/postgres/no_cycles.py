"""Spares work on many plain values the search for cycles that Python makes among them. No values are made here."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """For values by the million that have no cycles: looking for some takes from a seventh to half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:  # of several at once, the one that switched it off
            gc.enable()
