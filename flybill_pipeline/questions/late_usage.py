"""Usage of a month that came after the month was closed, and is in no invoice yet. Billing it: the next close."""

from dataclasses import dataclass

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.pricing.bill_late_usage import changed_usage
from flybill_pipeline.stores.pricing.price_books import PriceBookError
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class LateUsage:
    """How many organizations have such usage; `too_late` of them have some that no month can bill any more."""

    organizations: int
    too_late: int


def late_usage(tools: Toolbox, month: Month) -> LateUsage | None:
    """What came since the month was closed; None when price books that cannot be read keep it from being known.

    When nothing was read since, a look at the catalog is enough to know it.
    """
    if _as_it_was(tools, month):
        return LateUsage(0, 0)
    try:
        usage = tools.usage
        changed = [
            org for shard in range(tools.shards) for org in changed_usage(month, shard, usage, tools.billed_months)
        ]
    except PriceBookError:
        return None
    beyond = tools.month_checks.beyond_billing(month, changed, tools.lookback_months)
    return LateUsage(len(changed), len(beyond))


def _as_it_was(tools: Toolbox, month: Month) -> bool:
    ids = tools.billed_months.priced_from(month)
    if not ids:
        return True
    now = tools.pricing_inputs.compiled(month)
    return all(each is not None and tools.pricing_inputs.find(each).days == now for each in ids)
