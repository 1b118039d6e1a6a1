"""What a month would have come to by other price books, of everybody. Comparing one shard is the step's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import books_of_month
from flybill_pipeline.steps.pricing.reprice_month import (
    Difference,
    Repriced,
    biggest_first,
    fixed_accounts,
    reprice_shard,
    totals,
)
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class RepricedMonth:
    """A month by the books in force and by others: sums per currency, and each org, the biggest difference first."""

    month: Month
    totals: Mapping[str, Difference]
    organizations: Sequence[Repriced]


def repriced(tools: Toolbox, month: Month, prices: Path) -> RepricedMonth:
    """Every org's month by the books of the deployment and by those in `prices`. Raises PriceBookError."""
    loaded = load_price_books(prices)
    books, other = tools.books(month), cache(lambda currency: books_of_month(loaded, currency, month))
    differences: list[Repriced] = []
    for shard in range(tools.shards):
        orgs = [terms.in_month(month) for terms in tools.organizations.terms(shard).values()]
        part = ShardMonth(month, shard, tools.now())
        accounts = fixed_accounts(part, orgs, tools.items.of(shard), tools.billed_months)
        differences += reprice_shard(part, orgs, tools.usage, accounts, books, other)
    return RepricedMonth(month, totals(differences), biggest_first(differences))
