"""The sensor that keeps the keys of `failed_org_months` equal to the ledger: the operator's to-do list."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, org_month_key, read_org_month
from flybill_pipeline.toolbox.tools import Toolbox

RANGE_TAG = "dagster/asset_partition_range_start"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def to_do_list_sensor(status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    """`failed_org_months`."""

    @dg.sensor(minimum_interval_seconds=every, default_status=status)
    def failed_org_months(
        context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.SensorResult | dg.SkipReason:
        """Adds an org's month when it waits for a person; takes it off when it is done and no run holds it."""
        due = _keys(toolbox.troubles.failed_org_months())
        listed = set(context.instance.get_dynamic_partitions(str(FAILED_ORG_MONTHS.name)))
        # A repair that met a silent Stripe waits for nobody's mending any more, and yet it is not done.
        open_ = _keys(toolbox.troubles.unfinished({str(read_org_month(key)[0]) for key in listed}))
        new, mended = sorted(due - listed), _free(context.instance, sorted(listed - due - open_))
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if new:
            requests.append(FAILED_ORG_MONTHS.build_add_request(new))
        if mended:
            requests.append(FAILED_ORG_MONTHS.build_delete_request(mended))
        if not requests:
            return dg.SkipReason(f"{len(due)} organizations wait for a person, all of them listed")
        return dg.SensorResult(dynamic_partitions_requests=requests)

    return failed_org_months


def _keys(org_months: Iterable[tuple[str, str]]) -> set[str]:
    return {org_month_key(Month.parse(month), org_id) for month, org_id in org_months}


def _free(instance: dg.DagsterInstance, keys: list[str]) -> list[str]:
    """Those of the keys that nobody holds: a run whose key is deleted dies when it records what it did."""
    if not keys or _held_by_a_backfill(instance):
        return []
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    if any(RANGE_TAG in run.tags for run in runs):  # a run of many keys: which, only Dagster could tell
        return []
    held = {run.tags.get("dagster/partition") for run in runs}
    return [key for key in keys if key not in held]


def _held_by_a_backfill(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill is under way that may still ask for runs; which keys it wants, it alone knows."""
    return bool(instance.get_backfills(status=BulkActionStatus.REQUESTED, limit=1))
