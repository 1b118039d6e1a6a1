"""Records the result of a check beside the run that brought it about, when that run did not evaluate it itself.

Dagster takes one evaluation of a check for each run, and only one ever that belongs to none. It keeps a result only
where it was planned, so what was not planned is planned first.
"""

from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster_shared.record import replace

MOST_RECORDS = 500


def last_results(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> dict[str, bool]:
    """Partition → whether the check's last result there was good, or a warning only."""
    results: dict[str, bool] = {}
    for record in instance.event_log_storage.get_asset_check_execution_history(check, limit=MOST_RECORDS):
        evaluation = record.evaluation
        if isinstance(evaluation, dg.AssetCheckEvaluation):  # and not one that is planned, or died with its run
            good = evaluation.passed or evaluation.severity == dg.AssetCheckSeverity.WARN
            results.setdefault(str(record.partition), good)
    return results


def record_check(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    partitions: "dg.PartitionsDefinition[Any]",
    evaluation: dg.AssetCheckEvaluation,
) -> None:
    """Records `evaluation`, of one of the partitions, as a result of `run`."""
    history = instance.event_log_storage.get_asset_check_execution_history
    known = {(past.run_id, past.partition) for past in history(evaluation.asset_check_key, limit=MOST_RECORDS)}
    if (run.run_id, evaluation.partition) not in known:
        of = partitions.subset_with_partition_keys([str(evaluation.partition)]).to_serializable_subset()
        planned = AssetCheckEvaluationPlanned(
            asset_key=evaluation.asset_key, check_name=evaluation.check_name, partitions_subset=of
        )
        _report(instance, run, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, planned)
    evaluation = replace(evaluation, target_materialization_data=_last_materialization(instance, evaluation))
    _report(instance, run, DagsterEventType.ASSET_CHECK_EVALUATION, evaluation)


def _last_materialization(
    instance: dg.DagsterInstance, evaluation: dg.AssetCheckEvaluation
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """What the result is about: on a check's page, Dagster shows a shard as missing when it is about anything else."""
    wanted = dg.AssetRecordsFilter(evaluation.asset_key, asset_partitions=[str(evaluation.partition)])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
    return None


def _report(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    kind: DagsterEventType,
    content: AssetCheckEvaluationPlanned | dg.AssetCheckEvaluation,
) -> None:
    event = DagsterEvent(event_type_value=kind.value, event_specific_data=content, job_name=run.job_name)
    instance.report_dagster_event(event, run.run_id)
