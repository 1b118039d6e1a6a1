"""The states of checks that the webserver remembers are those that Dagster counts, counted again when they changed."""

from collections.abc import Iterator
from unittest.mock import patch

import dagster as dg
import pytest

from flybill_pipeline.serving import check_states
from flybill_pipeline.serving.check_states import RememberedStates

PARTITIONS = dg.StaticPartitionsDefinition(["a", "b"])
CHECK = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
WANTED = [(CHECK, PARTITIONS)]
GOOD = {"a"}


@dg.asset(partitions_def=PARTITIONS, check_specs=[dg.AssetCheckSpec("good", asset="thing", partitions_def=PARTITIONS)])
def thing(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # as in defs
    passed = context.partition_key in GOOD
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="good", passed=passed)])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_what_is_remembered_is_what_dagster_counts(instance: dg.DagsterInstance) -> None:
    count = instance.event_log_storage.get_asset_check_state
    remembered = RememberedStates(instance)
    for key in ("a", "b", "a"):
        assert remembered.states(WANTED) == count(WANTED)
        dg.materialize([thing], instance=instance, partition_key=key)
        assert remembered.states(WANTED) == count(WANTED)
    with patch(f"{__name__}.GOOD", set()):
        dg.materialize([thing], instance=instance, partition_key="a")
    assert remembered.states(WANTED) == count(WANTED)


def test_it_is_counted_once_until_something_is_recorded_or_a_time_has_passed(instance: dg.DagsterInstance) -> None:
    dg.materialize([thing], instance=instance, partition_key="a")
    storage = instance.event_log_storage
    with patch.object(storage, "get_asset_check_state", wraps=storage.get_asset_check_state) as counted:
        remembered = RememberedStates(instance)
        assert remembered.states(WANTED) == remembered.states(WANTED)
        assert counted.call_count == 1
        dg.materialize([thing], instance=instance, partition_key="b")
        remembered.states(WANTED)
        assert counted.call_count == 2
        with patch.object(check_states, "LONGEST_SECONDS", 0):
            remembered.states(WANTED)
        assert counted.call_count == 3
