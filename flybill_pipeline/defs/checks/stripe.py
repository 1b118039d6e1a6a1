"""Checks of what is, or is not, in Stripe, and that nothing was lost on the way there."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from flybill_pipeline.defs.metadata import evidence
from flybill_pipeline.defs.partitions import Partitions, read_month, read_month_shard
from flybill_pipeline.defs.resources import Toolbox
from flybill_pipeline.steps.account_for_usage import account_for_usage

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
LONGEST_WAIT = timedelta(hours=24)


def stripe_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """`every_org_billed` and `no_invoice_waits_long` of each shard; `nothing_lost` of the month."""

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(name, asset="stripe_invoices", description=text, partitions_def=partitions.month_shards)
            for name, text in (("every_org_billed", _BILLED), ("no_invoice_waits_long", _WAITS))
        ]
    )
    def what_reached_stripe(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.AssetCheckResult]:
        month, shard = read_month_shard(context.partition_key)
        left = toolbox.month_checks.not_billed(month, shard)
        yield dg.AssetCheckResult(
            check_name="every_org_billed", passed=not left, metadata=evidence(left, "organizations that are not done")
        )
        old = toolbox.month_checks.unsynced_since(shard, toolbox.now() - LONGEST_WAIT)
        yield dg.AssetCheckResult(
            check_name="no_invoice_waits_long",
            passed=not old,
            severity=WARN,
            metadata=evidence(old, "invoices that wait, the oldest first"),
        )

    @dg.asset_check(asset="stripe_reconciliation", partitions_def=partitions.months)
    def nothing_lost(context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]) -> dg.AssetCheckResult:
        """Per meter, the quantity in the lake stands in lines of the month or of a later one, or waits with a reason.

        Usage that came too late for any invoice is a warning: a longer look-back bills it with the next close. If it is
        red: close the month again; if it stays red, it is a fault of flybill's: its table shows the meter.
        """
        month = read_month(context.partition_key)
        accounts = account_for_usage(month, toolbox.usage, toolbox.month_checks, toolbox.lookback_months)
        rows = [account.as_row() for account in accounts]
        balanced, too_late = all(each.balanced for each in accounts), any(each.too_late for each in accounts)
        return dg.AssetCheckResult(
            passed=balanced and not too_late,
            severity=WARN if balanced else ERROR,
            metadata=evidence(rows, "quantity by meter"),
        )

    return [what_reached_stripe, nothing_lost]


_BILLED = """Every organization of the shard has one outcome, none is held, and each invoice stands in Stripe. If it is
red: its table says what happened to whom; mend it, then materialize the organization's key of failed_org_months."""
_WAITS = """No invoice of the shard, of whatever month, was finalized here more than a day ago and is not yet in
Stripe. If it is yellow: is the sensor retry_failed_partitions on, and is Stripe up? Else materialize the shard."""
