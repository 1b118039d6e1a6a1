"""The sensor that keeps the keys of `failed_org_months` equal to the ledger: the operator's to-do list."""

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus

from flybill_pipeline.billing.period import Month
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, org_month_key
from flybill_pipeline.defs.resources import Toolbox

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(name="failed_org_months", minimum_interval_seconds=60)
def failed_org_months_sensor(
    context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]
) -> dg.SensorResult | dg.SkipReason:
    """Adds an organization's month when it waits for a person; takes it off when it is mended and no run holds it."""
    due = {org_month_key(Month.parse(month), org_id) for month, org_id in toolbox.troubles.failed_org_months()}
    listed = set(context.instance.get_dynamic_partitions(str(FAILED_ORG_MONTHS.name)))
    new, mended = sorted(due - listed), sorted(listed - due)
    if mended and _held_by_a_backfill(context.instance):
        mended = []
    elif mended:
        held = _held_by_runs(context.instance)
        mended = [key for key in mended if key not in held]
    if not new and not mended:
        return dg.SkipReason(f"{len(due)} organizations wait for a person, all of them listed")
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if new:
        requests.append(FAILED_ORG_MONTHS.build_add_request(new))
    if mended:
        requests.append(FAILED_ORG_MONTHS.build_delete_request(mended))
    return dg.SensorResult(dynamic_partitions_requests=requests)


def _held_by_runs(instance: dg.DagsterInstance) -> set[str | None]:
    """The partitions of unfinished runs: a run whose key is deleted dies when it records what it did."""
    return {run.tags.get("dagster/partition") for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))}


def _held_by_a_backfill(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill is under way that may still ask for runs; which keys it wants, it alone knows."""
    return bool(instance.get_backfills(status=BulkActionStatus.REQUESTED, limit=1))
