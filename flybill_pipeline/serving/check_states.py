"""Remembers which partitions of a check are red and green: Dagster's pages count that for each look. No HTTP here.

Dagster 1.13 reads the whole history of every partitioned check on a page and adds up its partitions one by one, for
each page and every few seconds after: with three years of history that takes seconds. Here they are added up at once,
and what was counted stands until something else is recorded, which a look into an index tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import dagster as dg
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import FINISHED_STATUSES

Wanted = tuple[dg.AssetCheckKey, "dg.PartitionsDefinition[Any] | None"]
Mark = tuple[int, ...]
RECORDED = (
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
)
"""What the states of checks are counted from."""
SETTLED = {
    AssetCheckExecutionRecordStatus.SUCCEEDED: AssetCheckExecutionResolvedStatus.SUCCEEDED,
    AssetCheckExecutionRecordStatus.FAILED: AssetCheckExecutionResolvedStatus.FAILED,
}
LONGEST_SECONDS = 600
"""Then it is counted anew in any case: that history was deleted is recorded nowhere."""


@dataclass(frozen=True, slots=True)
class Known:
    """A state, when it was counted, and what was recorded by then."""

    mark: Mark
    counted_at: float
    state: AssetCheckState


def remember_check_states(instance: dg.DagsterInstance) -> None:
    """Lets the instance's storage answer from memory where nothing has changed."""
    remembered = RememberedStates(instance)
    instance.event_log_storage.get_asset_check_state = remembered.states  # type: ignore[method-assign]


class RememberedStates:
    """The states of checks as they were last counted, for one process."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._count = instance.event_log_storage.get_asset_check_state
        self._known: dict[Wanted, Known] = {}

    def states(self, keys: Sequence[Wanted]) -> Mapping[dg.AssetCheckKey, AssetCheckState]:
        """What Dagster's own method `get_asset_check_state` answers."""
        mark = self._mark()
        for wanted in keys:
            if not self._stands(wanted, mark):
                self._known[wanted] = Known(mark, monotonic(), self._counted(wanted))
        return {wanted[0]: self._known[wanted].state for wanted in keys}

    def _counted(self, wanted: Wanted) -> AssetCheckState:
        check, partitions = wanted
        if partitions is None:
            return self._count([wanted])[check]
        return count_state(self._instance, check, partitions)

    def _mark(self) -> Mark:
        """The last of each kind of record, whatever asset it is about: records of checks are not found by asset."""
        return tuple(self._last(dg.EventRecordsFilter(kind)) for kind in RECORDED)

    def _last(self, wanted: dg.EventRecordsFilter) -> int:
        records = self._instance.event_log_storage.get_event_records(wanted, limit=1)
        return records[0].storage_id if records else 0

    def _stands(self, wanted: Wanted, mark: Mark) -> bool:
        known = self._known.get(wanted)
        return (
            known is not None
            and known.mark == mark
            and not known.state.in_progress_runs  # that one of them has ended is a record of the run's alone
            and monotonic() - known.counted_at < LONGEST_SECONDS
        )


def count_state(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, partitions: "dg.PartitionsDefinition[Any]"
) -> AssetCheckState:
    """The state of a check from its whole history. What is under way is left to Dagster, as it is little."""
    infos = instance.event_log_storage.get_asset_check_partition_info([check])
    known = set(partitions.get_partition_keys(dynamic_partitions_store=instance))
    current = [info for info in infos if info.is_current and info.partition_key in known]
    subsets = {
        status: SerializableEntitySubset(
            check,
            partitions.subset_with_partition_keys(
                [str(info.partition_key) for info in current if info.latest_execution_status == recorded]
            ),
        )
        for recorded, status in SETTLED.items()
    }
    others = [info for info in infos if info.latest_execution_status not in SETTLED]
    runs = [info.latest_planned_run_id for info in others]
    ended = instance.get_runs(dg.RunsFilter(run_ids=runs, statuses=FINISHED_STATUSES)) if runs else []
    settled = AssetCheckState(latest_storage_id=0, subsets=subsets, in_progress_runs={})
    return settled.with_updates(check, partitions, others, {run.run_id: run.status for run in ended})
