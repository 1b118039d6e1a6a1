"""One invoice, a crash at every single boundary of its way, one after the other; then a fresh process finishes it."""

from collections.abc import Mapping
from typing import Any

import pytest

from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

Plan = list[Mapping[str, Any]]

# Each plan leads through another part of the recovery, all of which must survive a crash too.
WAYS: dict[str, Plan] = {
    "healthy": [],
    "create answered 500, was done": [{"match": {"endpoint": "create", "nth": 1}, "fault": "http_500_after"}],
    "create answered 500, was not done": [{"match": {"endpoint": "create", "nth": 1}, "fault": "http_500_before"}],
    "create never answered, was done": [{"match": {"endpoint": "create", "nth": 1}, "fault": "reset_after"}],
    "create done late": [{"match": {"endpoint": "create", "nth": 1}, "fault": "late_commit"}],
    "lines stored as a lock timeout": [{"match": {"endpoint": "add_lines", "nth": 1}, "fault": "lock_timeout_cached"}],
    "second lines answered 500, done": [{"match": {"endpoint": "add_lines", "nth": 2}, "fault": "http_500_after"}],
    "finalize answered 500, was done": [{"match": {"endpoint": "finalize", "nth": 1}, "fault": "http_500_after"}],
    "finalize answer cut": [{"match": {"endpoint": "finalize", "nth": 1}, "fault": "cut_body"}],
    "customer answered 500, was done": [{"match": {"endpoint": "create_customer", "nth": 1}, "fault": "http_500_after"}],
}


def boundaries_of(world: World, plan: Plan, lines: int) -> int:
    """How many boundaries the undisturbed way has."""
    world.emulator.faults([dict(rule) for rule in plan])
    counted = Boundaries()
    plant(world.engine, 1, lines=lines)
    assert world.sync(**crashing(counted), workers=1).complete
    world.emulator.clear_faults()
    return counted.passed


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_anywhere_leaves_nothing_twice_nothing_lost_and_nothing_behind(way: str, world: World) -> None:
    plan = WAYS[way]
    lines = 120  # two chunks
    last = boundaries_of(world, plan, lines)
    assert last >= 20
    for number in range(last):
        plant(world.engine, 1, lines=lines, first=number + 1)
        world.emulator.faults([dict(rule) for rule in plan])
        at = Boundaries(lambda crossed, number=number: crossed == number)  # type: ignore[misc]
        with pytest.raises(Crash):
            world.sync(**crashing(at), workers=1)
        report = world.sync(workers=1)
        assert report.complete, (way, at.names[-1], report)
        world.emulator.clear_faults()
    assert world.problems() == []


@pytest.mark.parametrize("way", ["healthy", "create never answered, was done", "second lines answered 500, done"])
def test_the_same_when_the_next_run_comes_after_stripe_has_forgotten_the_keys(way: str, world: World) -> None:
    plan = WAYS[way]
    last = boundaries_of(world, plan, 120)
    for number in range(last):
        plant(world.engine, 1, lines=120, first=number + 1)
        world.emulator.faults([dict(rule) for rule in plan])
        at = Boundaries(lambda crossed, number=number: crossed == number)  # type: ignore[misc]
        with pytest.raises(Crash):
            world.sync(**crashing(at), workers=1)
        world.pass_hours(30)
        assert world.sync(workers=1).complete, (way, at.names[-1])
        world.emulator.clear_faults()
    assert world.problems() == []
