"""The tools of pricing: price books, months of usage as the books measure it, what a month was priced from."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, books_of_month, fingerprint, measures_needed
from flybill_pipeline.billing.usage.totals import Measures
from flybill_pipeline.stores.pricing.inputs import Inputs, PricingInputs
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.usage import UsageTools

if TYPE_CHECKING:
    from flybill_pipeline.stores.pricing.usage_backlog import UsageBacklog
    from flybill_pipeline.stores.usage.lake.lake import UsageLake
    from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage


@dataclass(frozen=True)
class PricingTools(UsageTools):
    """What lines are priced from. Price books are read again for each month: one may be mended while this runs."""

    @cached_property
    def pricing_inputs(self) -> PricingInputs:
        return PricingInputs(self.engine)

    @cached_property
    def usage_backlog(self) -> "UsageBacklog":
        from flybill_pipeline.stores.pricing.usage_backlog import UsageBacklog

        return UsageBacklog(self.landing, self.catalog, self.pricing_inputs, self.tables_to_close)

    @cached_property
    def usage(self) -> "MonthlyUsage":
        from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage

        return MonthlyUsage(self.lake, self.measures)

    def usage_of_moment(self, month: Month) -> "MonthlyUsage":
        """The usage as it is now, for one answer about a month and those that it looks back to."""
        from flybill_pipeline.stores.usage.lake.pinned_catalog import CatalogOfMoment
        from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage

        for _ in range(self.settings.lookback_months):
            month = month.previous()
        lake = copy(self.lake)  # which knows what files it has looked at
        lake.catalog = CatalogOfMoment(self.engine, month.first_day)
        return MonthlyUsage(lake, cache(self.measures))

    def usage_as_of(self, inputs: Inputs) -> "MonthlyUsage":
        """The usage that `inputs` names, whatever has arrived since."""
        from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage

        return MonthlyUsage(self.lake_as_of(inputs), cache(self.measures))

    def lake_as_of(self, inputs: Inputs) -> "UsageLake":
        """The lake as it was when `inputs` were kept. Nothing can be taken into it."""
        from flybill_pipeline.stores.usage.lake.lake import UsageLake
        from flybill_pipeline.stores.usage.lake.pinned_catalog import PinnedCatalog

        catalog = PinnedCatalog(self.engine, inputs.days)
        return UsageLake(self.lake_storage, catalog, shards=self.shards, checks_contents=True)

    def books(self, month: Month) -> Callable[[str], BooksOfMonth | None]:
        """The books of a month by currency."""
        loaded = load_price_books(self.settings.prices)
        return cache(lambda currency: books_of_month(loaded, currency, month))

    def fingerprints(self, month: Month) -> dict[str, str]:
        """Per currency the fingerprint of the books that are in force in a month."""
        return {currency: fingerprint(books) for currency, books in self._in_force(month).items()}

    def measures(self, month: Month) -> Measures:
        """Which meters the books of a month, of any currency, measure by more than sum and count, and how."""
        return measures_needed(self._in_force(month).values())

    def _in_force(self, month: Month) -> dict[str, BooksOfMonth]:
        loaded = load_price_books(self.settings.prices)
        by_currency = {currency: books_of_month(loaded, currency, month) for currency in sorted(loaded.currencies)}
        return {currency: books for currency, books in by_currency.items() if books is not None}
