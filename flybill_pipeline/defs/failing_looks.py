"""Sensors and schedules that fail while they look: they ask for no run, so no run is red. Words for people."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus

from flybill_pipeline.billing.alerts.problems import Problem

DONE = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
IN_A_ROW = {InstigatorType.SENSOR: 5, InstigatorType.SCHEDULE: 1}
"""Looks that fail before it is told. A sensor looks each minute, and the database may be away for some."""
RECENT = {InstigatorType.SENSOR: timedelta(hours=1), InstigatorType.SCHEDULE: timedelta(days=32)}
"""What did not look for so long is off, or of an earlier deployment; one schedule looks once a month."""


def failing_looks(instance: dg.DagsterInstance, now: datetime) -> Iterator[Problem]:
    """Those whose last looks all failed. Of an error its kind is told: its words may quote an address or a key."""
    for state in instance.all_instigator_state():
        kind = state.instigator_type
        if state.status == InstigatorStatus.STOPPED:
            continue
        looks = _looks(instance, state, IN_A_ROW[kind])
        if len(looks) < IN_A_ROW[kind] or any(look.status != TickStatus.FAILURE for look in looks):
            continue
        if now - datetime.fromtimestamp(looks[0].timestamp, UTC) < RECENT[kind]:
            named = f"{kind.value.lower()} {state.name}"
            yield Problem(
                key=f"looks/{state.name}",
                title=f"the {named} fails each time that it looks",
                what=f"Its last look ended with {_error(looks[0])}; what it starts by itself is not started.",
                who="whoever waits for what it starts",
                cost="",
                remedy=f"Open the {named} in Dagster, under Automation: its last ticks say why. Mend that.",
            )


def _looks(instance: dg.DagsterInstance, state: InstigatorState, most: int) -> list[InstigatorTick]:
    """The last that are over, the newest first."""
    return list(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=most, statuses=DONE))


def _error(look: InstigatorTick) -> str:
    """The kind of what was raised; Dagster wraps what our functions raise."""
    error = look.tick_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return (error and error.cls_name) or "an error"
