"""The states of checks that the webserver remembers are those that Dagster counts, counted again when they changed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.serving import check_states
from flybill_pipeline.serving.check_states import RememberedStates

CHECK = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
CUTS = Partitions(Month.of(datetime.now(UTC)).previous(), shards=2)


def asset(partitions: dg.PartitionsDefinition[Any] | None, *, passes: bool = True, fails: bool = False) -> Any:
    """An asset whose check passes or not, or is never evaluated since the run fails."""

    @dg.asset(
        partitions_def=partitions, check_specs=[dg.AssetCheckSpec("good", asset="thing", partitions_def=partitions)]
    )
    def thing() -> dg.MaterializeResult:  # type: ignore[type-arg]  # as in defs
        assert not fails
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="good", passed=passes)])

    return thing


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.mark.parametrize("partitions", [CUTS.days, CUTS.months, CUTS.month_shards, CUTS.shards, None])
def test_what_is_remembered_is_what_dagster_counts(
    instance: dg.DagsterInstance, partitions: dg.PartitionsDefinition[Any] | None
) -> None:
    count, remembered = instance.event_log_storage.get_asset_check_state, RememberedStates(instance)
    wanted = [(CHECK, partitions)]
    first, second = partitions.get_partition_keys()[:2] if partitions else (None, None)
    for key, made in (
        (first, asset(partitions)),
        (second, asset(partitions, passes=False)),
        (first, asset(partitions, fails=True)),
        (first, asset(partitions, passes=False)),
        (second, asset(partitions)),
    ):
        dg.materialize([made], instance=instance, partition_key=key, raise_on_error=False)
        found, counted = remembered.states(wanted)[CHECK], count(wanted)[CHECK]
        assert (found.subsets, found.in_progress_runs) == (counted.subsets, counted.in_progress_runs)


def test_it_is_counted_once_until_something_is_recorded_or_a_time_has_passed(instance: dg.DagsterInstance) -> None:
    wanted = [(CHECK, CUTS.shards)]
    dg.materialize([asset(CUTS.shards)], instance=instance, partition_key="00")
    remembered = RememberedStates(instance)
    with patch.object(check_states, "count_state", wraps=check_states.count_state) as counted:
        assert remembered.states(wanted) == remembered.states(wanted)
        assert counted.call_count == 1
        dg.materialize([asset(CUTS.shards)], instance=instance, partition_key="01")
        remembered.states(wanted)
        assert counted.call_count == 2
        with patch.object(check_states, "LONGEST_SECONDS", 0):
            remembered.states(wanted)
        assert counted.call_count == 3
