"""Answers `flybill reprice`: loads the other price books, reprices shard by shard. Comparing is the step's."""

from datetime import datetime
from functools import cache
from pathlib import Path

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import books_of_month
from flybill_pipeline.steps.pricing.reprice_month import Repriced, biggest_first, reprice_shard
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.tools import Toolbox


def reprice(tools: Toolbox, month: Month, prices: Path, now: datetime) -> list[Repriced]:
    """Every org's month by the books of the deployment and by those in `prices`, biggest difference first."""
    loaded = load_price_books(prices)
    other = cache(lambda currency: books_of_month(loaded, currency, month))
    books = tools.books(month)
    found: list[Repriced] = []
    for shard in range(tools.shards):
        orgs, items = tools.organizations.all(shard), tools.items.of(shard)
        found += reprice_shard(month, shard, orgs, tools.usage, items, books, other, now)
    return biggest_first(found)
