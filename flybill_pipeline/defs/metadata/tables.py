"""What the metadata of all reports is made of: money, rows as a table, troubles with a remedy. Knows no report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.amounts import format_money

MOST_ROWS = 100
MOST_BARS = 12
LONGEST_BAR = 20
Metadata = dict[str, Any]


def money(totals: Mapping[str, int], label: str) -> Metadata:
    """An amount per currency, as text and as the integer that Dagster plots over the partitions."""
    amounts: Metadata = {}
    for currency, minor in sorted(totals.items()):
        amounts[f"{label} {currency}"] = format_money(minor, currency)
        amounts[f"{label} {currency} minor units"] = minor
    return amounts


def evidence(rows: Sequence[Mapping[str, Any]], title: str) -> Metadata:
    """The rows as a table under `title`, cut at a readable length; nothing when there are none."""
    if not rows:
        return {}
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows[:MOST_ROWS]]
    return {title: dg.MetadataValue.table(records=records)}


def bars(title: str, values: Mapping[str, int], in_words: Callable[[int], str] = str) -> Metadata:
    """The largest `values` as a table: name, what `in_words` makes of the value, and a bar; the rest is one row.

    A bar is as long as the value without its sign. Dagster shows no pictures: its UI drops the address of any image
    that is part of the text.
    """
    ordered = sorted(values.items(), key=lambda item: -abs(item[1]))
    rest = [value for _, value in ordered[MOST_BARS:]]
    shown = ordered[:MOST_BARS] + ([(f"{len(rest)} others", sum(rest))] if rest else [])
    longest = max((abs(value) for _, value in shown), default=0) or 1
    rows = [
        {"name": name, "value": in_words(value), "bar": "█" * (abs(value) * LONGEST_BAR // longest)}
        for name, value in shown
    ]
    return evidence(rows, title)


def trouble(happened: str, remedy: str, **whose: object) -> dict[str, object]:
    """A row of a table of troubles: whose it is, what happened, and what to do about it."""
    return {**whose, "what happened": happened, "what to do": remedy}


def _cell(value: Any) -> str | int | bool | None:
    return value if isinstance(value, str | int | bool) or value is None else str(value)
