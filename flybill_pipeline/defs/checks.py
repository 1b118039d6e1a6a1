"""Asset checks: what must be true, with the offenders as evidence. They only read; what stops money is in code."""

import dagster as dg

from flybill_pipeline.defs.metadata import evidence
from flybill_pipeline.defs.partitions import Partitions, read_month, read_month_shard
from flybill_pipeline.defs.resources import Toolbox
from flybill_pipeline.steps.account_for_usage import account_for_usage


def checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """`every_org_billed`, `lines_sum_to_invoice` and `nothing_lost` (`totals_match_stripe` belongs to its asset)."""

    @dg.asset_check(asset="finalized_invoices", partitions_def=partitions.month_shards, blocking=True)
    def lines_sum_to_invoice(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.AssetCheckResult:
        """The lines of every invoice sum to its subtotal. It blocks the sync; finalizing asserts the same by itself."""
        month, shard = read_month_shard(context.partition_key)
        wrong = toolbox.month_checks.unequal_invoices(month, shard)
        return dg.AssetCheckResult(passed=not wrong, metadata=evidence(wrong, "invoices that do not add up"))

    @dg.asset_check(asset="stripe_invoices", partitions_def=partitions.month_shards)
    def every_org_billed(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.AssetCheckResult:
        """Every organization of the shard has one outcome, none is held, and each invoice stands in Stripe."""
        month, shard = read_month_shard(context.partition_key)
        left = toolbox.month_checks.not_billed(month, shard)
        return dg.AssetCheckResult(passed=not left, metadata=evidence(left, "organizations that are not done"))

    @dg.asset_check(asset="stripe_reconciliation", partitions_def=partitions.months)
    def nothing_lost(context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]) -> dg.AssetCheckResult:
        """Per meter, the quantity in the lake stands in lines of the month or of a later one, or waits with a reason.

        Usage that came too late for any invoice is a warning: a longer look-back bills it with the next close.
        """
        month = read_month(context.partition_key)
        accounts = account_for_usage(month, toolbox.usage, toolbox.month_checks, toolbox.lookback_months)
        rows = [account.as_row() for account in accounts]
        balanced, too_late = all(each.balanced for each in accounts), any(each.too_late for each in accounts)
        return dg.AssetCheckResult(
            passed=balanced and not too_late,
            severity=dg.AssetCheckSeverity.WARN if balanced else dg.AssetCheckSeverity.ERROR,
            metadata=evidence(rows, "quantity by meter"),
        )

    return [lines_sum_to_invoice, every_org_billed, nothing_lost]
