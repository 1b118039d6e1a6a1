"""Compares what a shard comes to with its own history. Only tells; an unusual organization is held elsewhere."""

from collections.abc import Mapping
from typing import Protocol

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.history import is_unusual, usual

HISTORY_MONTHS = 6
UNUSUAL = 2
"""So many times the usual revenue of a shard, or less than that part of it, is unusual."""


class Figures(Protocol):
    """What shards came to."""

    def revenue(self, shard: int, month: Month, months_before: int) -> Mapping[str, Mapping[Month, int]]: ...


def unusual_revenue(figures: Figures, month: Month, shard: int) -> list[dict[str, str]]:
    """The currencies in which the shard's month is unusual beside the six months before it."""
    rows = []
    for currency, revenue in sorted(figures.revenue(shard, month, HISTORY_MONTHS).items()):
        history = [minor for other, minor in revenue.items() if other != month]
        this, median = revenue.get(month, 0), usual(history)
        if median is not None and is_unusual(this, history, UNUSUAL):
            amounts = {"this month": format_money(this, currency), "usually": format_money(median, currency)}
            rows.append({"currency": currency, **amounts})
    return rows
