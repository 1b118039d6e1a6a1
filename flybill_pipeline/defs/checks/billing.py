"""Checks of drafts and of finalized invoices. What is due, billing knows; what is usual, the history of the shard."""

from collections.abc import Iterator

import dagster as dg

from flybill_pipeline.defs.metadata import evidence
from flybill_pipeline.defs.partitions import Partitions, read_month_shard
from flybill_pipeline.steps.invoicing.watch_revenue import unusual_revenue
from flybill_pipeline.toolbox.tools import Toolbox

WARN = dg.AssetCheckSeverity.WARN


def billing_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """`every_meter_priced`, `revenue_is_usual`; `lines_sum_to_invoice` (blocking) and `every_org_has_an_outcome`."""
    return [_of_drafts(partitions), _of_outcomes(partitions)]


def _of_drafts(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(
                name, asset="monthly_line_items", description=text, partitions_def=partitions.month_shards
            )
            for name, text in (("every_meter_priced", _PRICED), ("revenue_is_usual", _REVENUE))
        ]
    )
    def what_is_due(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.AssetCheckResult]:
        month, shard = read_month_shard(context.partition_key)
        unpriced = toolbox.month_checks.unpriced(month, shard)
        yield dg.AssetCheckResult(
            check_name="every_meter_priced",
            passed=not unpriced,
            severity=WARN,
            metadata=evidence(unpriced, "usage without a price"),
        )
        # An open month has had part of its revenue only.
        unusual = unusual_revenue(toolbox.month_figures, month, shard) if toolbox.now() >= month.end else []
        yield dg.AssetCheckResult(
            check_name="revenue_is_usual", passed=not unusual, severity=WARN, metadata=evidence(unusual, "currencies")
        )

    return what_is_due


def _of_outcomes(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(
                "lines_sum_to_invoice",
                asset="finalized_invoices",
                description=_SUMS,
                partitions_def=partitions.month_shards,
                blocking=True,
            ),
            dg.AssetCheckSpec(
                "every_org_has_an_outcome",
                asset="finalized_invoices",
                description=_OUTCOME,
                partitions_def=partitions.month_shards,
            ),
        ]
    )
    def what_was_decided(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.AssetCheckResult]:
        month, shard = read_month_shard(context.partition_key)
        wrong = toolbox.month_checks.unequal_invoices(month, shard)
        yield dg.AssetCheckResult(
            check_name="lines_sum_to_invoice",
            passed=not wrong,
            metadata=evidence(wrong, "invoices that do not add up"),
        )
        without = toolbox.month_checks.undecided(month, shard)
        yield dg.AssetCheckResult(
            check_name="every_org_has_an_outcome",
            passed=not without,
            metadata=evidence(without, "organizations without an outcome"),
        )

    return what_was_decided


_PRICED = """All usage of the month has a price. If it is yellow: its organization will be held. Add the price, or the
meter, to the price book; the next run prices it."""
_REVENUE = """What the shard comes to is between half and twice what it usually comes to, by the six months before. If
it is yellow: see who moved most, in the metadata of the partition, before the month is closed."""
_SUMS = """The lines of every invoice sum to its subtotal. It blocks the sync; finalizing asserts the same by itself.
If it is red: somebody wrote past flybill into the database; restore the rows from the backup."""
_OUTCOME = """Every organization of the shard has an outcome for the month: nobody was forgotten. If it is red:
materialize the shard again, for something changed while it ran."""
