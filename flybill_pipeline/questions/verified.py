"""Whether invoices come out the same when they are priced again, from what they were priced from.

It finds what each was priced from. Comparing is the step's. Nothing is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.tables import TakenTable
from flybill_pipeline.steps.invoicing.verify_invoices import SAME, Source, Verified, verify_invoices
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class VerifiedMonth:
    """Every invoice of a month, priced again.

    `tables` is what was taken of sources whose usage stays in an engine: months are priced from that, now as then.
    """

    month: Month
    invoices: Sequence[Verified]
    tables: Sequence[TakenTable] = ()

    @property
    def differing(self) -> list[Verified]:
        """Those that come out otherwise than they were finalized."""
        return [invoice for invoice in self.invoices if invoice.verdict != SAME]

    @property
    def late(self) -> list[Verified]:
        """The invoices whose usage changed since: late or corrected usage is the business of a later invoice."""
        return [invoice for invoice in self.invoices if invoice.late]

    @property
    def all_the_same(self) -> bool:
        """Whether every invoice came out as it was finalized."""
        return not self.differing


def verified(tools: Toolbox, month: Month) -> VerifiedMonth:
    """Every invoice of the month, priced again from the usage, contracts and books that it was priced from."""
    terms = tools.organizations.terms_when_billed(month)
    contracts = {org_id: then.in_month(month).contracts for org_id, then in terms.items()}
    invoices = tools.recorded_lines.invoices(month)
    sources = cache(lambda priced_from: _source(tools, month, priced_from))
    again = verify_invoices(month, invoices, contracts, sources, tools.books(month), tools.fingerprints(month))
    return VerifiedMonth(month, list(again), tools.taken_tables())


def _source(tools: Toolbox, month: Month, priced_from: str | None) -> Source:
    if priced_from is None:
        return Source(tools.usage, {}, None)
    inputs = tools.pricing_inputs.find(priced_from)
    now = tools.pricing_inputs.compiled(month)
    return Source(tools.usage_as_of(inputs), inputs.books, None if now == inputs.days else tools.usage)
