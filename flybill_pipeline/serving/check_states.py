"""Remembers which partitions of a check are red and green: Dagster's pages count that anew for each look. No HTTP here.

Dagster 1.13 reads the whole history of every partitioned check on a page and adds up its partitions one by one, for
each page and every few seconds after: with three years of history that takes seconds. What was counted stands here
until something else is recorded of the check's asset; to see that takes a look into an index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_state import AssetCheckState

Wanted = tuple[dg.AssetCheckKey, "dg.PartitionsDefinition[Any] | None"]
Mark = tuple[int, ...]
RECORDED = (
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
)
"""What the states of an asset's checks are counted from."""
LONGEST_SECONDS = 600
"""Then it is counted anew in any case: that history was deleted is recorded nowhere."""


@dataclass(frozen=True, slots=True)
class Known:
    """A state, when it was counted, and what was recorded of its asset by then."""

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
        """What Dagster's own method of this name answers; what has to be counted is counted by it."""
        marks = {asset: self._mark(asset) for asset in {check.asset_key for check, _ in keys}}
        changed = [wanted for wanted in keys if not self._stands(wanted, marks[wanted[0].asset_key])]
        counted = self._count(changed) if changed else {}
        for wanted in changed:
            check = wanted[0]
            self._known[wanted] = Known(marks[check.asset_key], monotonic(), counted[check])
        return {wanted[0]: self._known[wanted].state for wanted in keys}

    def _mark(self, asset: dg.AssetKey) -> Mark:
        """The last of each kind of record about an asset."""
        return tuple(self._last(dg.EventRecordsFilter(kind, asset_key=asset)) for kind in RECORDED)

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
