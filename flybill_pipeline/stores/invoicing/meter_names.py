"""The meters that a discount names, from a field of a file to the text that is stored. No discounts are given here."""

import json
from collections.abc import Callable, Collection

from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError

KnownMeters = Callable[[], Collection[str]]
"""Gives the meters that the price books know."""


def read_meters(text: str, known: Collection[str] | None) -> frozenset[str]:
    """The names in `text`: a JSON list, or names with commas or blanks between them. Raises RowFaultError.

    A name may hold commas and blanks where it is `known` (to the price books; None: nothing is), or in a JSON list.
    """
    names = _listed(text) if text.startswith("[") else frozenset(_between(text, known or ()))
    unknown = sorted(names if known is None else names.difference(known))
    if known is not None and unknown:
        raise RowFaultError(
            f"meter {unknown[0]!r} is in no price book, so the discount would never apply to it: write a known meter "
            f"({', '.join(sorted(known)) or 'there is none'}), or add it to a price book first"
        )
    return names


def meters_text(names: Collection[str]) -> str:
    """The same text for the same names: with blanks between them, or a JSON list where that would break a name."""
    ordered = sorted(names)
    text = " ".join(ordered)
    plain = text.split() == ordered and not text.startswith("[")
    return text if plain else json.dumps(ordered, ensure_ascii=False)


def stored_meters(text: str) -> frozenset[str]:
    """The names that `meters_text` made a text of. What was stored before there were lists is always split."""
    try:
        return frozenset(json.loads(text) if text.startswith("[") else text.split())
    except ValueError:
        return frozenset(text.split())


def _listed(text: str) -> frozenset[str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise RowFaultError(f'meters {text!r} is not a list of names: write ["api calls", "bandwidth"]')
    return frozenset(names)


def _between(text: str, known: Collection[str]) -> list[str]:
    if text in known:
        return [text]
    parts = [part.strip() for part in text.split(",")]
    return [name for part in parts for name in ([part] if part in known else part.split())]
