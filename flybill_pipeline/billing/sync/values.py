"""The values that the sync, its ledger and the Stripe gateway hand each other. No sending, no SQL here.

An invoice of ours goes out as a `SyncInvoice`; what Stripe has of it comes back as a `StripeInvoice`, wrapped in an
`Answer`, or a `Failure` comes back that says what may be done next. `Progress` is the durable row between the two.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.portions import Portion

T = TypeVar("T")

LONGEST_IN_KEY = 200
"""Characters of an id that a key shows as it is."""

FailureKind: TypeAlias = Literal["same_key", "look_first", "org", "everyone"]
"""What a failure allows: the same request again under the same key; first a look at what Stripe has, then a new key;
nothing for this org until a person mends it; nothing for anybody until a person mends the key. An org's failure may
turn out to be everybody's: the breaker sees to that."""

TaxBehavior: TypeAlias = Literal["exclusive", "inclusive"]
"""Whether tax comes on top of our amounts, or is a part of them."""

FOR_A_PERSON = frozenset({"blocked", "mismatch"})
"""The states of a durable row that wait for a person."""
AT_REST = FOR_A_PERSON | {"finalized"}
"""The states of a durable row that no machine leaves by itself."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that did not do what it should; `code` names it, the sentences are for the operator.

    `request_id` finds it in Stripe's own log. `retry_after` is in seconds. `replayed` means that Stripe repeated the
    stored answer of an earlier request with the same key. No sentence holds a key or anything of the customer's.
    """

    kind: FailureKind
    code: str
    message: str
    remedy: str
    request_id: str | None = None
    retry_after: float | None = None
    replayed: bool = False
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What Stripe answered to one successful call, read into `value`."""

    value: T
    request_id: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class SyncLine:
    """One line as it is sent to Stripe. `amount_minor` is in the invoice's currency and may be negative.

    `title` is what people read of the meter; None where there is none, or where the line is older than titles.
    `currency`, `dimensions`, `quantity`, `unit` and `portions` are the line's own, see LineItem.
    """

    line_id: str
    kind: str
    meter: str | None
    service_month: Month
    amount_minor: int
    description: str
    title: str | None = None
    currency: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    quantity: Decimal = ZERO
    unit: str | None = None
    portions: tuple[Portion, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """Where an org is; `country` has two letters. A part that is not known is None."""

    line1: str | None = None
    city: str | None = None
    postal_code: str | None = None
    state: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class SyncOrg:
    """Who is billed, as far as Stripe needs to know. `customer_id` is None while Stripe has no customer for it."""

    org_id: str
    name: str
    email: str | None
    customer_id: str | None
    collection_method: str = "charge_automatically"
    days_until_due: int | None = None
    purchase_order: str | None = None
    address: Address | None = None
    tax_id: TaxId | None = None


@dataclass(frozen=True, slots=True)
class SyncInvoice:
    """A finalized invoice on its way to Stripe; `lines` are already those that Stripe gets (`lines_for_stripe`).

    `lines_here` is how many lines of ours they stand for: more than there are when they were rolled up.
    `number_at_stripe` is the number that it is given there; None where Stripe gives it one of its own. `tax` says how
    Stripe's tax and the lines go together; None where it adds none.
    """

    invoice_id: str
    number: str
    month: Month
    org: SyncOrg
    currency: str
    subtotal_minor: int
    content_hash: str
    lines: tuple[SyncLine, ...]
    lines_here: int = 0
    number_at_stripe: str | None = None
    tax: TaxBehavior | None = None


@dataclass(frozen=True, slots=True)
class StripeInvoice:
    """What Stripe has of an invoice. The `flybill_*` members are its metadata, None when it is not ours.

    `flybill_terms` names the content of the call that made it, see `Contents` in `steps/sync/ports.py`. `line_ids` are
    our ids of its lines, None when it has more than Stripe shows with the invoice. `revises` is Stripe's id of the
    invoice whose place it takes, where a person edits that one: its metadata is a copy of that one's.
    """

    stripe_invoice_id: str
    status: str
    customer_id: str | None
    currency: str
    subtotal_minor: int
    total_minor: int
    total_excluding_tax_minor: int | None
    amount_due_minor: int
    livemode: bool
    created: int
    hosted_invoice_url: str | None
    flybill_invoice_id: str | None
    flybill_content_hash: str | None
    flybill_number: str | None
    flybill_terms: str | None = None
    line_ids: tuple[str, ...] | None = None
    number: str | None = None
    revises: str | None = None


@dataclass(frozen=True, slots=True)
class StripeCustomer:
    """What Stripe has of a customer. The `flybill_*` members are its metadata, None when it is not one that we made."""

    customer_id: str
    created: int
    flybill_org_id: str | None
    flybill_terms: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """What a customer has at Stripe, also by others. `currency` is its default, None before its first invoice."""

    customer_id: str
    name: str | None
    email: str | None
    has_address: bool
    currency: str | None
    flybill_org_id: str | None


@dataclass(frozen=True, slots=True)
class StripeTaxId:
    """A tax id of a customer at Stripe, under Stripe's id of it."""

    stripe_tax_id: str
    kind: str
    value: str

    @property
    def tax_id(self) -> TaxId:
        """What it is, without Stripe's id."""
        return TaxId(self.kind, self.value)


@dataclass(frozen=True, slots=True)
class Progress:
    """The durable row of one thing brought to Stripe. `attempts` fences it: who writes must name the one it read.

    The moments `*_sent_at` are our clock's. `sent_after` is Stripe's: its time as we knew it before the first call.
    `terms` names the content that the draft at Stripe was made with; `profile` is what a customer was told,
    `asked_about` the one that may be another org's: a person was asked.
    """

    state: str = "new"
    generation: int = 0
    attempts: int = 0
    step: str | None = None
    step_key: str | None = None
    step_first_sent_at: datetime | None = None
    first_sent_at: datetime | None = None
    sent_after: datetime | None = None
    stripe_customer_id: str | None = None
    stripe_invoice_id: str | None = None
    terms: str | None = None
    profile: str | None = None
    asked_about: str | None = None


class SyncScope(NamedTuple):
    """What of a month is synced: all of it, one shard, or some orgs; None where there is no such limit."""

    month: Month
    shard: int | None = None
    org_ids: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class SyncWork:
    """One entry of the work list: an invoice that is not settled at Stripe."""

    invoice_id: str
    org_id: str
    subtotal_minor: int


@dataclass(frozen=True, slots=True)
class SyncTask:
    """Everything one worker needs for one invoice, read when it was claimed."""

    invoice: SyncInvoice
    row: Progress
    customer_row: Progress | None
    profile_row: Progress


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """One org whose invoice is not at Stripe as it should be, in words; a row of `failures` in the status."""

    org_id: str
    invoice_id: str
    state: str
    kind: str
    code: str
    message: str
    remedy: str
    customer_message: str
    attempts: int
    next_attempt_at: datetime | None
    request_id: str | None


def step_key(row_id: str, step: str, content: str, generation: int) -> str:
    """The idempotency key of one step: the same for the same content and generation, in every process, at any time.

    `content` is the hash of all that the call holds: so no key is ever used for two contents. A key travels as a header
    of at most 255 characters, and an organization may be called anything: what does not fit there is hashed.
    """
    if len(row_id) > LONGEST_IN_KEY or not (row_id.isascii() and row_id.isprintable()):
        row_id = hashlib.sha256(row_id.encode()).hexdigest()
    return f"fb:{row_id}:{step}:{content[:12]}:{generation}"
