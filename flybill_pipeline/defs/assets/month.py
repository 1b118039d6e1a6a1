"""The month in one page, at the end of the lineage: where an operator looks first. It writes nothing but its page."""

import dagster as dg

from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.checks.check import Finding
from flybill_pipeline.defs.checks.month import MONTH_IS_BILLED
from flybill_pipeline.defs.metadata.month import month_metadata, waiting_metadata
from flybill_pipeline.defs.partitions import Partitions, read_month
from flybill_pipeline.questions.month_billed import month_billed
from flybill_pipeline.toolbox.tools import Toolbox

NOTHING_KNOWN = "nothing"
"""The mark of a month that was never priced."""


def month_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`billed_month`."""

    @dg.asset(
        partitions_def=partitions.months,
        group_name="month",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[
            dg.AssetDep("stripe_invoices", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("month")),
            "stripe_payments",
            "stripe_reconciliation",
        ],
        check_specs=[MONTH_IS_BILLED.spec(partitions)],
    )
    def billed_month(context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads it: with a check, only the bare class will do
        """The month in one page: what became of everybody, money, who waits for what, and what Stripe's list says.

        Look here first. Its check is red as long as any organization waits that should be done. The page is made again
        after each close, repair and comparison, and by the sensor `billed_months` when anything else changed.
        """
        month = read_month(context.partition_key)
        mark = toolbox.month_marks.of(month) or NOTHING_KNOWN
        billed = month_billed(toolbox, month)
        standing = billed.standing
        check = MONTH_IS_BILLED.result(Finding(standing.fine, waiting_metadata(billed), says=standing.sentence))
        return dg.MaterializeResult(
            metadata=month_metadata(billed, toolbox.ui_url),
            check_results=[check],
            data_version=dg.DataVersion(mark),
        )

    return [billed_month]
