"""The one resource of the assets: the stores and the gateway, each opened when first used. Imports no Dagster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.outcomes import DEFAULT_POLICY, OutcomePolicy
from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.statement import CLOSING_DAY
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, books_of_month, fingerprint, measures_needed
from flybill_pipeline.billing.usage.totals import Measures
from flybill_pipeline.steps.alerts.tell_problems import Channel
from flybill_pipeline.steps.pricing.open_accounts import Accounts
from flybill_pipeline.stores.alerts.ledger import ProblemLedger
from flybill_pipeline.stores.alerts.troubles import Troubles
from flybill_pipeline.stores.invoicing.billed_months import BilledMonths
from flybill_pipeline.stores.invoicing.drafts import Drafts
from flybill_pipeline.stores.invoicing.holds import Holds
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline.stores.invoicing.items import Items
from flybill_pipeline.stores.invoicing.month_figures import MonthFigures
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline.stores.invoicing.recorded_lines import RecordedLines
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.payments.standing import Payments
from flybill_pipeline.stores.payments.statements import Statements
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.pricing.inputs import Inputs, PricingInputs
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.month_checks import MonthChecks
from flybill_pipeline.stores.usage.months.health import UsageHealth

if TYPE_CHECKING:  # DuckDB and stripe are imported by who uses them: a status needs neither
    from flybill_pipeline.stores.sync.billed import Billed
    from flybill_pipeline.stores.usage.intake.landing import Landing
    from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
    from flybill_pipeline.stores.usage.lake.lake import UsageLake
    from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
    from flybill_pipeline.stripe_gateway.gateway import Gateway
    from flybill_pipeline.stripe_gateway.listing import InvoiceListing
    from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents


@dataclass(frozen=True)
class Toolbox:
    """Everything that reads or writes, for one deployment. Making one connects to nothing.

    `now` is the clock of every step; `shards` is the number fixed when the database was created; `open_stripe`
    makes the gateway, and refuses a key that must not be used; `key_mark` tells its key from another. `channels` bring
    alerts to people, by name; `ui_url` is where these find Dagster.
    """

    database_url: str
    lake_url: str
    landing_url: str
    prices: Path
    sources: Path
    shards: int
    first_month: Month
    now: Callable[[], datetime]
    open_stripe: Callable[[], "Gateway"]
    key_mark: str = ""
    lookback_months: int = 3
    closing_day: int = CLOSING_DAY
    policy: OutcomePolicy = DEFAULT_POLICY
    channels: Mapping[str, Channel] = field(default_factory=dict)
    ui_url: str | None = None

    @cached_property
    def engine(self) -> Engine:
        return open_engine(self.database_url)

    @cached_property
    def organizations(self) -> Organizations:
        return Organizations(self.engine, self.shards)

    @cached_property
    def items(self) -> Items:
        return Items(self.engine)

    @cached_property
    def holds(self) -> Holds:
        return Holds(self.engine)

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.engine)

    @cached_property
    def invoices(self) -> Invoices:
        return Invoices(self.engine)

    @cached_property
    def statements(self) -> Statements:
        return Statements(self.engine)

    @cached_property
    def month_checks(self) -> MonthChecks:
        return MonthChecks(self.engine)

    @cached_property
    def month_figures(self) -> MonthFigures:
        return MonthFigures(self.engine)

    @cached_property
    def troubles(self) -> Troubles:
        return Troubles(self.engine)

    @cached_property
    def problem_ledger(self) -> ProblemLedger:
        return ProblemLedger(self.engine)

    @cached_property
    def usage_health(self) -> UsageHealth:
        return UsageHealth(self.engine)

    @cached_property
    def sync_ledger(self) -> SyncLedger:
        return SyncLedger(self.engine, self.key_mark)

    @cached_property
    def credit_notes(self) -> CreditNotes:
        return CreditNotes(self.engine)

    @cached_property
    def billed(self) -> "Billed":
        from flybill_pipeline.stores.sync.billed import Billed

        return Billed(self.engine)

    @cached_property
    def stripe_list(self) -> "InvoiceListing":
        from flybill_pipeline.stripe_gateway.listing import InvoiceListing

        return InvoiceListing(self.stripe)

    @cached_property
    def payments(self) -> Payments:
        return Payments(self.engine)

    @cached_property
    def payment_intake(self) -> PaymentIntake:
        return PaymentIntake(self.engine)

    @cached_property
    def payment_events(self) -> "PaymentEvents":
        from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents

        return PaymentEvents(self.stripe)

    @cached_property
    def stripe(self) -> "Gateway":
        return self.open_stripe()

    def books(self, month: Month) -> Callable[[str], BooksOfMonth | None]:
        """The books of a month by currency, read anew: a price book may be mended while this process runs."""
        loaded = load_price_books(self.prices)
        return cache(lambda currency: books_of_month(loaded, currency, month))

    def accounts_of(self, usage: "MonthlyUsage") -> Accounts:
        """What bills hold beside usage; price books are read anew for each month that is looked at."""
        return Accounts(usage, BilledMonths(self.engine), self.items, cache(self.books), self.lookback_months)

    def fingerprints(self, month: Month) -> dict[str, str]:
        """Per currency the fingerprint of the books that are in force in a month."""
        return {currency: fingerprint(books) for currency, books in self._in_force(month).items()}

    def measures(self, month: Month) -> Measures:
        """Which meters the books of a month, of any currency, measure by more than sum and count, and how."""
        return measures_needed(self._in_force(month).values())

    def _in_force(self, month: Month) -> dict[str, BooksOfMonth]:
        loaded = load_price_books(self.prices)
        found = {currency: books_of_month(loaded, currency, month) for currency in sorted(loaded.currencies)}
        return {currency: books for currency, books in found.items() if books is not None}

    def usage_as_of(self, inputs: Inputs) -> "MonthlyUsage":
        """The usage that `inputs` names, whatever has arrived since."""
        from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage

        return MonthlyUsage(self.lake_as_of(inputs), cache(self.measures))

    def lake_as_of(self, inputs: Inputs) -> "UsageLake":
        """The lake as it was when `inputs` were kept. Nothing can be taken into it."""
        from flybill_pipeline.stores.usage.lake.lake import UsageLake
        from flybill_pipeline.stores.usage.lake.pinned_catalog import PinnedCatalog

        return UsageLake(self.lake_url, PinnedCatalog(self.engine, inputs.days), shards=self.shards)

    @cached_property
    def recorded_lines(self) -> RecordedLines:
        return RecordedLines(self.engine)

    @cached_property
    def pricing_inputs(self) -> PricingInputs:
        return PricingInputs(self.engine)

    @cached_property
    def landing(self) -> "Landing":
        from flybill_pipeline.stores.usage.intake.landing import Landing
        from flybill_pipeline.stores.usage.intake.sources import load_sources

        return Landing(self.landing_url, load_sources(self.sources))

    @cached_property
    def lake(self) -> "UsageLake":
        from flybill_pipeline.stores.usage.lake.lake import UsageLake

        return UsageLake(
            self.lake_url,
            self.catalog,
            shards=self.shards,
            sources=self.landing.sources,
            first_day=self.first_month.first_day,
        )

    @cached_property
    def catalog(self) -> "LakeCatalog":
        from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog

        return LakeCatalog(self.engine)

    @cached_property
    def usage(self) -> "MonthlyUsage":
        from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage

        return MonthlyUsage(self.lake, self.measures)

    def unread_files(self) -> list[str]:
        """The landed files that wait to be read, each named with its version."""
        return [f"{file.path}:{file.size}:{file.modified_ns}" for file in self.catalog.unread(self.landing.files())]

    def shard_of(self, org_id: str) -> int:
        """The shard that an organization belongs to, for good."""
        return shard_of(org_id, self.shards)

    def close(self) -> None:
        """Lets go of what was opened."""
        if "sync_ledger" in self.__dict__:
            self.sync_ledger.close()
        if "credit_notes" in self.__dict__:
            self.credit_notes.close()
        if "engine" in self.__dict__:
            self.engine.dispose()
