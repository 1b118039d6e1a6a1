"""Whether invoices are the same when they are priced again: from what they were priced from. Comparing: the step."""

from collections.abc import Sequence
from functools import cache

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.invoicing.verify_invoices import SAME, Source, Verified, verify_invoices
from flybill_pipeline.toolbox.tools import Toolbox


def verify(tools: Toolbox, month: Month) -> list[Verified]:
    """Every invoice of the month, priced again."""
    contracts = {org.org_id: org.contract for org in tools.organizations.all()}
    invoices = tools.recorded_lines.invoices(month)
    sources = cache(lambda priced_from: _source(tools, month, priced_from))
    return list(verify_invoices(month, invoices, contracts, sources, tools.books(month), tools.fingerprints(month)))


def _source(tools: Toolbox, month: Month, priced_from: str | None) -> Source:
    if priced_from is None:
        return Source(tools.usage, {}, None)
    inputs = tools.pricing_inputs.find(priced_from)
    now = tools.pricing_inputs.compiled(month)
    return Source(tools.usage_as_of(inputs), inputs.books, None if now == inputs.days else tools.usage)


def all_the_same(found: Sequence[Verified]) -> bool:
    """Whether every invoice came out as it was finalized."""
    return all(each.verdict == SAME for each in found)
