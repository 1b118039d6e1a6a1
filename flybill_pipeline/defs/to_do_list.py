"""The sensor that keeps the keys of `failed_org_months` equal to the ledger: the operator's to-do list.

What happened and what to do stands at each key, as an observation: in the UI, a click away from the list.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.described import sensor
from flybill_pipeline.defs.metadata.stripe import failure_metadata
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, org_month_key, read_org_month
from flybill_pipeline.stores.payments.statements import FailedOrgMonth
from flybill_pipeline.toolbox.tools import Toolbox

MOST_A_TICK = 200
"""Keys at which one look writes what is wrong: the rest is left to the next."""
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

    @sensor(minimum_interval_seconds=every, default_status=status)
    def failed_org_months(
        context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.SensorResult | dg.SkipReason:
        """Adds an org's month when it waits for a person; takes it off when it is done and no run holds it.

        What happened and what to do is written at the key, once, and again when it is something else.
        """
        due = _keys(toolbox.troubles.failed_org_months())
        listed = set(context.instance.get_dynamic_partitions(str(FAILED_ORG_MONTHS.name)))
        # A repair that met a silent Stripe waits for nobody's mending any more, and yet it is not done.
        open_ = _keys(toolbox.troubles.unfinished({str(month) for month in _months(listed)}))
        new, mended = sorted(due - listed), _free(context.instance, sorted(listed - due - open_))
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if new:
            requests.append(FAILED_ORG_MONTHS.build_add_request(new))
        if mended:
            requests.append(FAILED_ORG_MONTHS.build_delete_request(mended))
        told = {key: said for key, said in _told(context.cursor).items() if key in due}
        news = dict(islice(_news(toolbox, due, told), MOST_A_TICK))
        if not requests and not news:
            return dg.SkipReason(f"{len(due)} organizations wait for a person, all of them listed")
        return dg.SensorResult(
            dynamic_partitions_requests=requests,
            asset_events=[_observed(key, failure) for key, failure in news.items()],
            cursor=json.dumps(told | {key: _said(failure) for key, failure in news.items()}),
        )

    return failed_org_months


def _news(toolbox: Toolbox, due: Collection[str], told: Mapping[str, str]) -> Iterator[tuple[str, FailedOrgMonth]]:
    """The keys at which something else is to be read than what is written there, and what."""
    for month in sorted({read_org_month(key)[0] for key in due}):
        for failure in toolbox.statements.failures(month):
            key = org_month_key(month, failure.org_id)
            if key in due and told.get(key) != _said(failure):
                yield key, failure


def _observed(key: str, failure: FailedOrgMonth) -> dg.AssetObservation:
    month, _ = read_org_month(key)
    return dg.AssetObservation(
        str(FAILED_ORG_MONTHS.name),
        description=f"{failure.message} {failure.remedy}".strip(),
        metadata={"month": str(month), **failure_metadata(failure)},
        partition=key,
    )


def _told(cursor: str | None) -> dict[str, str]:
    """Key → what was written at it, in short."""
    return json.loads(cursor) if cursor else {}


def _said(failure: FailedOrgMonth) -> str:
    words = "\n".join((failure.code, failure.message, failure.remedy))
    return hashlib.sha256(words.encode()).hexdigest()[:8]


def _months(keys: Iterable[str]) -> Iterator[Month]:
    """The months of the keys; a key that is no org-month was added by hand, and is taken off like one that is done."""
    for key in keys:
        with suppress(ValueError):
            yield read_org_month(key)[0]


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
