"""Usage of a month that came after the month was closed, and is in no invoice yet. Billing it: the next close."""

from dataclasses import dataclass

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.pricing.bill_late_usage import changed_usage
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class LateUsage:
    """How many organizations have such usage; `too_late` of them have some that no month can bill any more."""

    organizations: int
    too_late: int


def late_usage(tools: Toolbox, month: Month) -> LateUsage:
    """What came since the month was closed. A month whose usage did not change is known by a look at the catalog."""
    billed, usage = tools.billed_months, tools.usage
    if billed.usage_versions(month) <= {usage.version(month)}:
        return LateUsage(0, 0)
    changed = [org for shard in range(tools.shards) for org in changed_usage(month, shard, usage, billed)]
    beyond = tools.month_checks.beyond_billing(month, changed, tools.lookback_months)
    return LateUsage(len(changed), len(beyond))
