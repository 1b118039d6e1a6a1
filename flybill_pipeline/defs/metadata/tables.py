"""What the metadata of all reports is made of: money, rows as a table, troubles with a remedy. Knows no report."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.amounts import format_money

MOST_ROWS = 100
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


def trouble(happened: str, remedy: str, **whose: object) -> dict[str, object]:
    """A row of a table of troubles: whose it is, what happened, and what to do about it."""
    return {**whose, "what happened": happened, "what to do": remedy}


def _cell(value: Any) -> str | int | bool | None:
    return value if isinstance(value, str | int | bool) or value is None else str(value)
