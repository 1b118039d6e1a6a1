"""Checks of what is, or is not, in Stripe, and that nothing was lost on the way there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.metadata import Metadata, evidence
from flybill_pipeline.defs.partitions import Partitions, month_shard_key, read_month, read_month_shard
from flybill_pipeline.defs.sensors import RETRIES_LEFT
from flybill_pipeline.steps.usage.account_for_usage import account_for_usage
from flybill_pipeline.toolbox.tools import Toolbox

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
EVERY_ORG_BILLED = "every_org_billed"
LONGEST_WAIT = timedelta(hours=24)


def stripe_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """`every_org_billed`, `no_invoice_waits_long` and `retries_left` of each shard; `nothing_lost` of the month."""

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(name, asset="stripe_invoices", description=text, partitions_def=partitions.month_shards)
            for name, text in ((EVERY_ORG_BILLED, _BILLED), ("no_invoice_waits_long", _WAITS), (RETRIES_LEFT, _RETRIES))
        ]
    )
    def what_reached_stripe(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.AssetCheckResult]:
        month, shard = read_month_shard(context.partition_key)
        left = toolbox.month_checks.not_billed(month, shard)
        yield dg.AssetCheckResult(check_name=EVERY_ORG_BILLED, passed=not left, metadata=_not_done(left))
        old = toolbox.month_checks.unsynced_since(shard, toolbox.now() - LONGEST_WAIT)
        yield dg.AssetCheckResult(
            check_name="no_invoice_waits_long",
            passed=not old,
            severity=WARN,
            metadata=evidence(old, "invoices that wait, the oldest first"),
        )
        # Red is said by the sensor that gives up; a run that got here got through.
        yield dg.AssetCheckResult(check_name=RETRIES_LEFT, passed=True)

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


def billed_now(toolbox: Toolbox, month: Month, shard: int) -> dg.AssetCheckEvaluation:
    """`every_org_billed` of a shard as it is now: an organization of it was repaired."""
    left = toolbox.month_checks.not_billed(month, shard)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("stripe_invoices"),
        check_name=EVERY_ORG_BILLED,
        passed=not left,
        metadata=_not_done(left),
        partition=str(month_shard_key(month, shard)),
    )


def _not_done(left: Sequence[Mapping[str, Any]]) -> Metadata:
    return evidence(left, "organizations that are not done")


_BILLED = """Every organization of the shard has one outcome, none is held, and each invoice stands in Stripe. If it is
red: its table says what happened to whom; mend it, then materialize the organization's key of failed_org_months."""
_WAITS = """No invoice of the shard, of whatever month, was finalized here more than a day ago and is not yet in
Stripe. If it is yellow: is the sensor retry_failed_partitions on, and is Stripe up? Else materialize the shard."""
_RETRIES = """The sensor has not given the shard up. If it is red: read why its last run failed, mend it, and then
materialize the shard: the count begins anew."""
