"""The month in one page, at the end of the lineage: where an operator looks first. It writes nothing but its page."""

from collections.abc import Iterator, Sequence

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.checks.check import Finding
from flybill_pipeline.defs.checks.month import MONTH_IS_BILLED
from flybill_pipeline.defs.later_checks import last_results, record_check
from flybill_pipeline.defs.metadata.month import month_metadata, waiting_metadata
from flybill_pipeline.defs.partitions import Partitions, month_key, read_month
from flybill_pipeline.questions.month_billed import MonthBilled, month_billed
from flybill_pipeline.toolbox.tools import Toolbox

NOTHING_KNOWN = "nothing"
"""The mark of a month that was never priced."""
MOST_WAITING = 3
"""Months that wait whose pages are made again after that of another one: the newest of them."""


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
    def billed_month(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # Dagster reads it: with a check, only the bare class will do
        """The month in one page: what became of everybody, money, who waits for what, and what Stripe's list says.

        Look here first. Its check is red as long as any organization waits that should be done. The page is made again
        after each close, repair and comparison, and by the sensor `billed_months` when anything else changed. When it
        is fine, the pages of months that wait are made after it: Dagster shows what was made last.
        """
        month = read_month(context.partition_key)
        mark = toolbox.month_marks.of(month) or NOTHING_KNOWN
        billed, others = month_billed(toolbox, month), _waiting(context.instance, month)
        if _lacks_page(context, running := Month.of(toolbox.now()), month):
            _show_again(context, toolbox, partitions, running)
        yield dg.MaterializeResult(
            metadata=month_metadata(billed, toolbox.ui_url, others),
            check_results=[MONTH_IS_BILLED.result(_finding(billed, toolbox, others))],
            data_version=dg.DataVersion(mark),
        )
        for other in others[-MOST_WAITING:] if billed.standing.fine else ():
            _show_again(context, toolbox, partitions, other)

    return [billed_month]


def _finding(billed: MonthBilled, toolbox: Toolbox, others: Sequence[Month]) -> Finding:
    page = waiting_metadata(billed, toolbox.ui_url, others)
    return Finding(billed.standing.fine, page, says=billed.standing.sentence)


def _waiting(instance: dg.DagsterInstance, shown: Month) -> list[Month]:
    """The other months whose check was red when last seen, the newest last."""
    results = last_results(instance, MONTH_IS_BILLED.key)
    return sorted(month for key, good in results.items() if not good and (month := read_month(key)) != shown)


def _lacks_page(context: dg.AssetExecutionContext, running: Month, shown: Month) -> bool:
    """Whether the running month has no page yet. Where all before it are done, Dagster calls the whole group undone."""
    return shown < running and month_key(running) not in context.instance.get_materialized_partitions(context.asset_key)


def _show_again(context: dg.AssetExecutionContext, toolbox: Toolbox, partitions: Partitions, month: Month) -> None:
    key, mark = month_key(month), toolbox.month_marks.of(month) or NOTHING_KNOWN
    billed, others = month_billed(toolbox, month), _waiting(context.instance, month)
    page, tags = month_metadata(billed, toolbox.ui_url, others), {"dagster/data_version": mark}
    context.log_event(dg.AssetMaterialization(context.asset_key, metadata=page, partition=key, tags=tags))
    finding = _finding(billed, toolbox, others)
    record_check(context.instance, context.run, partitions.months, MONTH_IS_BILLED.evaluation(finding, key))
