"""What was billed in a month: finalized invoices, credit notes issued in it, the minimum that held. Nothing is priced.

One organization's, or one after the other for all. What is owed for a month that is open: `owed.py`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flybill_pipeline.billing.invoicing.commitments import Commitment, commitment_in
from flybill_pipeline.billing.invoicing.terms import OrgTerms, span_in
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.questions.organizations import organizations
from flybill_pipeline.steps.pricing.price_org import books_under
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.stores.invoicing.recorded_lines import RecordedInvoice, Uninvoiced
from flybill_pipeline.toolbox.tools import Toolbox


class NotBilledYetError(Exception):
    """It is not decided yet what becomes of the organization's month; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The minimum of a month, in `currency`, and the time of the contracts it comes from; `until` None: no end."""

    commitment: Commitment
    currency: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Billed:
    """What an organization was billed in a month, which was settled at `settled_at`.

    `invoice` is None where the month asked for nothing by itself: `uninvoiced` is what it came to, and why. Both are
    None where nothing was used or bought. `credit_notes` are those that were issued in the month, for any invoice.
    `numbers` are the invoices that this may refer to, by month. `categories` are those of the services, by meter, as
    the newest book of the month has them.
    """

    org: Organization
    month: Month
    settled_at: datetime
    invoice: RecordedInvoice | None
    committed: Committed | None
    credit_notes: Sequence[CreditNote]
    numbers: Mapping[str, str]
    categories: Mapping[str, str] = field(default_factory=dict)
    uninvoiced: Uninvoiced | None = None

    @property
    def lines(self) -> Sequence[LineItem]:
        """What it came to, line by line."""
        of = self.invoice or self.uninvoiced
        return () if of is None else of.lines


def billed(tools: Toolbox, org_id: str, month: Month) -> Billed:
    """One organization's month. Raises UnknownOrganizationError, and NotBilledYetError while it is not settled."""
    (org,) = organizations(tools, [org_id])
    shard = _Shard(tools, month, tools.shard_of(org_id), [org_id])
    if org_id not in shard.settled_at:
        raise NotBilledYetError(
            f"{month} of {org_id} is not billed yet: `flybill close {month}` does it once the month is over, and "
            f"`flybill status {month}` says what it waits for"
        )
    invoice = next(iter(tools.recorded_lines.invoices(month, org_ids=[org_id])), None)
    uninvoiced = next(iter(tools.recorded_lines.uninvoiced(month, tools.shard_of(org_id), [org_id])), None)
    return shard.billed(org, invoice, uninvoiced)


def billed_in(tools: Toolbox, month: Month) -> Iterator[Billed]:
    """Every organization that was billed or credited something in the month, or had something that a credit paid or
    that was carried over or waived; one shard of them is held at a time.
    """
    for number in range(tools.shards):
        shard = _Shard(tools, month, number)
        orgs = {org.org_id: org for org in tools.organizations.all(number)}
        credited = set(shard.credited)
        for invoice in tools.recorded_lines.invoices(month, number):
            credited.discard(invoice.org_id)
            yield shard.billed(orgs[invoice.org_id], invoice)
        for found in tools.recorded_lines.uninvoiced(month, number):
            if found.org_id in orgs and (found.org_id in credited or any(line.amount_minor for line in found.lines)):
                credited.discard(found.org_id)
                yield shard.billed(orgs[found.org_id], None, found)
        yield from (shard.billed(orgs[org_id], None) for org_id in sorted(credited & shard.settled_at.keys()))


class _Shard:
    """What is needed of each organization of a shard beside its invoice, read at once."""

    def __init__(self, tools: Toolbox, month: Month, shard: int, only: Collection[str] = ()) -> None:
        self._month, self._books = month, tools.books(month)
        self._terms = tools.organizations.terms_when_billed(month, shard, only)
        self.settled_at = tools.recorded_lines.settled_at(month, shard, only)
        self.credited: dict[str, list[CreditNote]] = {}
        for note in tools.credit_notes.issued_in(month, shard, only):
            self.credited.setdefault(note.org_id, []).append(note)
        months = {Month.parse(note.month) for notes in self.credited.values() for note in notes}
        earlier = month
        for _ in range(tools.lookback_months):
            earlier = earlier.previous()
            months.add(earlier)
        self._numbers: dict[str, dict[str, str]] = {}
        for (org_id, of_month), number in tools.recorded_lines.numbers(months, shard, only).items():
            self._numbers.setdefault(org_id, {})[of_month] = number

    def billed(
        self, org: Organization, invoice: RecordedInvoice | None, uninvoiced: Uninvoiced | None = None
    ) -> Billed:
        terms = self._terms[org.org_id]
        return Billed(
            org=org,
            month=self._month,
            settled_at=self.settled_at[org.org_id],
            invoice=invoice,
            committed=self._committed(terms),
            credit_notes=self.credited.get(org.org_id, ()),
            numbers=self._numbers.get(org.org_id, {}),
            categories=self._categories(terms.in_month(self._month).currency),
            uninvoiced=uninvoiced,
        )

    def _categories(self, currency: str) -> dict[str, str]:
        books = self._books(currency)
        parts = () if books is None else books.parts
        return {name: meter.service_category for part in parts for name, meter in part.book.meters.items()}

    def _committed(self, terms: OrgTerms) -> Committed | None:
        in_month = terms.in_month(self._month)
        if not in_month.contracts:
            return None
        books = books_under(self._books(in_month.currency), in_month.contracts)
        commitment = None if books is None else commitment_in(books)
        if commitment is None:
            return None
        return Committed(commitment, in_month.currency, *span_in(terms.contracts, self._month))
