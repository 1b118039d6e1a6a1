"""What only a row of a budget holds: what the budget is about, and at how much of it its owner is told."""

import json
from collections.abc import Mapping

from flybill_pipeline.billing.usage.texts import LONGEST_DIMENSION, fault_of_text
from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError

MOST_NAMES, MOST_THRESHOLDS, HIGHEST_THRESHOLD = 5, 10, 1000
HOW_SCOPE = 'write app=web, or as JSON {"app": "web"}'
HOW_THRESHOLDS = f"write whole percents from 1 to {HIGHEST_THRESHOLD}, such as 50 80 100"


def scope_text(text: str) -> str:
    """The scope of a budget as it is stored: JSON in order of names. Raises RowFaultError."""
    scope = _scope(text)
    if not scope or len(scope) > MOST_NAMES:
        raise RowFaultError(f"scope {text[:60]!r} names nothing, or more than {MOST_NAMES} dimensions: {HOW_SCOPE}")
    for name, value in scope.items():
        if not (isinstance(value, str) and name and value):
            raise RowFaultError(f"scope {text[:60]!r} has an empty name, or a value that is no text: {HOW_SCOPE}")
        if fault := fault_of_text("scope", f"{name}={value}", LONGEST_DIMENSION):
            raise RowFaultError(fault)
    return json.dumps(scope, sort_keys=True, ensure_ascii=False)


def thresholds_text(text: str) -> str:
    """The thresholds of a budget as they are stored: whole percents in order. Raises RowFaultError."""
    words = text.strip("[]").replace(",", " ").replace("%", " ").split()
    if not words or len(words) > MOST_THRESHOLDS or not all(map(_is_percent, words)):
        raise RowFaultError(f"thresholds {text[:60]!r} cannot be read: {HOW_THRESHOLDS}, {MOST_THRESHOLDS} at most")
    return " ".join(str(percent) for percent in sorted({int(word) for word in words}))


def _scope(text: str) -> Mapping[str, object]:
    if not text.startswith("{"):
        name, separator, value = text.partition("=")
        return {name.strip(): value.strip()} if separator else {}
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise RowFaultError(f"scope {text[:60]!r} cannot be read: {HOW_SCOPE}") from None
    return dict(read)


def _is_percent(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 4 and 1 <= int(word) <= HIGHEST_THRESHOLD
