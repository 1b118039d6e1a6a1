"""A sensor that fails while it looks starts nothing, and no run is red: people are told, if it goes on."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo

from flybill_pipeline.billing.alerts.problems import Problem
from flybill_pipeline.defs.failing_looks import failing_looks

Tell: TypeAlias = Callable[..., list[Problem]]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENSOR, SCHEDULE = InstigatorType.SENSOR, InstigatorType.SCHEDULE
ON, OFF, BY_CODE = InstigatorStatus.RUNNING, InstigatorStatus.STOPPED, InstigatorStatus.DECLARED_IN_CODE
RAISED = SerializableErrorInfo("s3://me:s3cret@bucket is away", [], "ClientError", None)
WRAPPED = SerializableErrorInfo("Error occurred during the execution", [], "SensorExecutionError", RAISED)
LOOKS = {"f": TickStatus.FAILURE, "s": TickStatus.SKIPPED, "S": TickStatus.SUCCESS, "?": TickStatus.STARTED}


REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


@pytest.fixture
def told(instance: dg.DagsterInstance, request: pytest.FixtureRequest) -> Tell:
    """What is told of one sensor or schedule after these looks, the newest first, a minute apart."""
    origin = REPOSITORY.get_instigator_origin(request.node.name)

    def tell(
        looks: str, kind: InstigatorType, status: InstigatorStatus, before: timedelta = timedelta(0)
    ) -> list[Problem]:
        data = ScheduleInstigatorData("* * * * *") if kind == SCHEDULE else SensorInstigatorData()
        state = instance.add_instigator_state(InstigatorState(origin, kind, status, data))
        for number, sign in reversed(list(enumerate(looks))):
            at = (NOW - before - number * timedelta(minutes=1)).timestamp()
            error = WRAPPED if sign == "f" else None
            instance.create_tick(
                TickData(
                    instigator_origin_id=state.instigator_origin_id,
                    instigator_name=state.name,
                    instigator_type=kind,
                    status=LOOKS[sign],
                    timestamp=at,
                    selector_id=state.selector_id,
                    run_ids=[],
                    error=error,
                )
            )
        return [problem for problem in failing_looks(instance, NOW) if problem.key == f"looks/{state.name}"]

    return tell


@pytest.mark.parametrize(
    ("looks", "kind", "status"),
    [("fffff", SENSOR, ON), ("?fffffs", SENSOR, BY_CODE), ("f", SCHEDULE, ON), ("fS", SCHEDULE, BY_CODE)],
)
def test_who_fails_each_time_is_told_with_the_kind_of_error(
    told: Tell, looks: str, kind: InstigatorType, status: InstigatorStatus
) -> None:
    (problem,) = told(looks, kind, status)
    assert problem.title.startswith(f"the {kind.value.lower()} test_who")
    assert problem.title.endswith(" fails each time that it looks")
    assert "ClientError" in problem.what
    assert "s3cret" not in repr(problem)


@pytest.mark.parametrize(
    ("looks", "kind", "status", "before"),
    [
        ("", SENSOR, ON, timedelta(0)),
        ("ffff", SENSOR, ON, timedelta(0)),
        ("sfffff", SENSOR, ON, timedelta(0)),
        ("ffffSf", SENSOR, ON, timedelta(0)),
        ("fffff", SENSOR, OFF, timedelta(0)),
        ("fffff", SENSOR, BY_CODE, timedelta(hours=2)),  # of a deployment that is no more
        ("Sf", SCHEDULE, ON, timedelta(0)),
        ("f", SCHEDULE, ON, timedelta(days=40)),
    ],
)
def test_nothing_is_told_of_others(
    told: Tell, looks: str, kind: InstigatorType, status: InstigatorStatus, before: timedelta
) -> None:
    assert told(looks, kind, status, before) == []
