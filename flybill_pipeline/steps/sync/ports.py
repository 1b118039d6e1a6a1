"""What the sync needs of the world: durable rows, a work list, Stripe. Protocols only; no code that fulfils them."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import Admission, Failing, OpenBreaker
from flybill_pipeline.billing.sync.clocks import ClockReading
from flybill_pipeline.billing.sync.progress import Pulse, SyncProgress
from flybill_pipeline.billing.sync.values import (
    Answer,
    CustomerProfile,
    Failure,
    Progress,
    StripeCustomer,
    StripeInvoice,
    StripeTaxId,
    SyncFailure,
    SyncInvoice,
    SyncLine,
    SyncOrg,
    SyncTask,
    SyncWork,
)


class Rows(Protocol):
    """The durable rows of one kind. Both writes commit before they return, and only if `attempts` still stands."""

    def mark_sending(
        self, row_id: str, attempts: int, step: str, key: str, now: datetime, changes: Mapping[str, object]
    ) -> Progress | None:
        """Records that `key` is about to be sent, and with it what became of the call before.

        Returns the row with its next `attempts`, None when it moved on and nothing was written.
        """

    def commit(
        self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime, *, looks: int = 0
    ) -> Progress | None:
        """Writes what became of a call, and how many `looks` were made besides.

        Returns the row, or None when it moved on and nothing was written.
        """


class BreakerStore(Protocol):
    """The breaker that all processes share, see `billing.sync.breaker`."""

    def state(self, now: datetime) -> OpenBreaker | None:
        """The open breaker, None when calls may be made."""

    def admit(self, now: datetime) -> Admission:
        """Whether a run may call; a probe that is due goes to the run that asks first."""

    def trip(self, breaker: OpenBreaker, orgs: Collection[str] = ()) -> OpenBreaker:
        """Opens it, unless it is open for the same reason; returns what is open now.

        The invoices of `orgs` that were refused for that reason wait for it to close, and no longer for a person.
        """

    def close(self, now: datetime) -> None:
        """Stripe takes calls again."""

    def failing(self) -> Mapping[str, Failing]:
        """The orgs whose last failure may be everybody's."""

    def failed(self, org_ids: Collection[str], code: str, now: datetime) -> None:
        """Remembers that these orgs failed with this code."""

    def passed(self, org_id: str) -> None:
        """An org got through: what the others failed of is not everybody's."""


class Runs(Protocol):
    """Where heartbeats are kept."""

    def beat(self, pulse: Pulse) -> None:
        """Writes the run as it stands."""

    def progress(self, month: Month, now: datetime, shard: int | None, org_ids: Collection[str] | None) -> SyncProgress:
        """How far a month, or what of it is asked for, is."""


class ClockStore(Protocol):
    """Where Stripe's clock is kept, as the answers to any process showed it."""

    def reading(self) -> ClockReading | None:
        """The last one that was kept."""

    def keep(self, reading: ClockReading) -> None:
        """Puts it in the place of the last one."""


class Pace(Protocol):
    """The rate limit that all processes keep to together."""

    def per_minute(self) -> tuple[int, int]:
        """The calls a minute that may be made to one endpoint, and in all."""


class Ledger(Protocol):
    """The work list of a month, its durable rows, and what all runs share."""

    @property
    def breaker(self) -> BreakerStore:
        """What stops the calls of everybody."""

    @property
    def runs(self) -> Runs:
        """The heartbeats of all runs."""

    @property
    def clock(self) -> ClockStore:
        """Stripe's clock, as it is known before anything is asked."""

    @property
    def invoices(self) -> Rows:
        """Rows by invoice id."""

    @property
    def customers(self) -> Rows:
        """Rows by org id; recording a `stripe_customer_id` links it to the org in the same transaction."""

    @property
    def profiles(self) -> Rows:
        """Rows by org id: what its customer was told."""

    def open_work(self, month: Month, shard: int | None, org_ids: Collection[str] | None) -> Sequence[SyncWork]:
        """The invoices that are not at rest; makes the rows that are missing."""

    def claim(self, work: SyncWork) -> AbstractContextManager[SyncTask | None]:
        """The invoice, its org held by this worker alone while the block runs; None when another worker has the org."""

    def states(self, month: Month, shard: int | None, org_ids: Collection[str] | None) -> Mapping[str, int]:
        """How many invoices are in each state."""

    def failures(self, month: Month, shard: int | None, org_ids: Collection[str] | None) -> Sequence[SyncFailure]:
        """Every invoice whose last word was a failure, by org."""


class Contents(Protocol):
    """Names for what a write would hold: a key names one, so that it is never used for two. No calls."""

    def customer(self, org: SyncOrg) -> str: ...

    def profile(self, org: SyncOrg, fields: Collection[str]) -> str: ...

    def tax_id(self, customer_id: str, tax_id: TaxId) -> str: ...

    def org_mark(self, org: SyncOrg) -> str:
        """The org's id as the metadata of what is made for it has it."""

    def as_sent(self, invoice: SyncInvoice) -> SyncInvoice:
        """The invoice as it is to stand at Stripe."""

    def invoice(self, invoice: SyncInvoice) -> str:
        """Of a draft: its terms and its head, without its lines."""

    def lines(self, stripe_invoice_id: str, lines: Sequence[SyncLine]) -> str: ...

    def finalize(self, stripe_invoice_id: str) -> str: ...


class Stripe(Protocol):
    """The calls of the sync. Each returns what Stripe answered, or why it did not."""

    @property
    def contents(self) -> Contents:
        """What its writes hold, by name."""

    def tax_problem(self) -> Failure | None:
        """Why the account adds no tax to anybody's invoice; None where it does, or is not to."""

    def create_customer(self, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure: ...

    def create_invoice(self, invoice: SyncInvoice, key: str) -> Answer[StripeInvoice] | Failure: ...

    def add_lines(
        self, stripe_invoice_id: str, lines: Sequence[SyncLine], key: str
    ) -> Answer[StripeInvoice] | Failure: ...

    def finalize_invoice(self, stripe_invoice_id: str, key: str) -> Answer[StripeInvoice] | Failure: ...

    def retrieve_invoice(self, stripe_invoice_id: str) -> Answer[StripeInvoice] | Failure: ...

    def find_invoices(self, customer_id: str, since: datetime | None) -> Answer[list[StripeInvoice]] | Failure:
        """A customer's invoices created since then, by Stripe's clock; None: ever."""

    def find_customers(self, org_id: str, since: datetime | None) -> Answer[list[StripeCustomer]] | Failure:
        """The customers that were made for an org since then, by Stripe's clock; None: ever."""

    def retrieve_customer(self, customer_id: str) -> Answer[CustomerProfile] | Failure: ...

    def update_profile(self, org: SyncOrg, fields: Collection[str], key: str) -> Answer[StripeCustomer] | Failure: ...

    def find_tax_ids(self, customer_id: str) -> Answer[list[StripeTaxId]] | Failure: ...

    def create_tax_id(self, customer_id: str, tax_id: TaxId, key: str) -> Answer[StripeTaxId] | Failure: ...

    def delete_tax_id(self, customer_id: str, stripe_tax_id: str) -> Answer[str] | Failure: ...

    def update_customer(self, customer_id: str, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure: ...

    def list_lines(self, stripe_invoice_id: str) -> Answer[list[str]] | Failure: ...

    def delete_draft(self, stripe_invoice_id: str) -> Answer[str] | Failure: ...
