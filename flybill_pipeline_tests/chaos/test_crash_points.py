"""One invoice, a crash at every single boundary of its way, one after the other; then a fresh process finishes it."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from flybill_pipeline_tests.chaos.bugs import (
    NO_BUG,
    Bug,
    NewKeyAfterTimeout,
    RandomKeys,
    SeesNothing,
    WrittenAfterTheCall,
)
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.telling import plant_untold, untold
from flybill_pipeline_tests.chaos.world import World

Plan = list[Mapping[str, Any]]
LINES = 120
"""Two chunks."""
BOUNDARIES = 24
"""Both sides of at least twelve calls: mark, send, record for customer, draft, two chunks; the last mark and send."""

# Each plan leads through another part of the recovery, all of which must survive a crash too.
WAYS: dict[str, Plan] = {
    "healthy": [],
    "create answered 500, was done": [{"match": {"endpoint": "create", "nth": 1}, "fault": "http_500_after"}],
    "create never answered, was done": [{"match": {"endpoint": "create", "nth": 1}, "fault": "reset_after"}],
    "create done late": [{"match": {"endpoint": "create", "nth": 1}, "fault": "late_commit", "seconds": 0.1}],
    "lines stored as a lock timeout": [{"match": {"endpoint": "add_lines", "nth": 1}, "fault": "lock_timeout_cached"}],
    "second lines answered 500, done": [{"match": {"endpoint": "add_lines", "nth": 2}, "fault": "http_500_after"}],
    "finalize answered 500, was done": [{"match": {"endpoint": "finalize", "nth": 1}, "fault": "http_500_after"}],
    "customer answered 500, was done": [
        {"match": {"endpoint": "create_customer", "nth": 1}, "fault": "http_500_after"}
    ],
}


def crash_everywhere(world: World, plan: Plan, *, hours: int = 0, bug: Bug = NO_BUG) -> int:
    """For a new invoice each time: a crash at the next boundary, `hours` without anybody, a second run.

    Returns how many boundaries there were; ends when a run gets through without reaching its crash, or as soon as a
    planted bug shows.
    """
    number = 0
    while True:
        plant(world.engine, 1, lines=LINES, first=number)
        world.emulator.faults([dict(rule) for rule in plan])
        boundaries = Boundaries(lambda crossed, number=number: crossed == number)  # type: ignore[misc]
        crashed = False
        try:
            world.sync(**crashing(boundaries, bug), workers=1)
        except Crash:
            crashed = True
        if hours:
            world.pass_hours(hours)
        world.sync(**bug.ports(), workers=1)
        world.emulator.clear_faults()
        if not crashed or (bug is not NO_BUG and world.problems()):
            return number
        number += 1


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_anywhere_leaves_nothing_twice_nothing_lost_and_nothing_behind(way: str, world: World) -> None:
    assert crash_everywhere(world, WAYS[way]) >= BOUNDARIES
    assert world.problems() == []


@pytest.mark.parametrize("way", ["healthy", "create never answered, was done", "second lines answered 500, done"])
def test_the_same_when_the_next_run_comes_after_stripe_has_forgotten_the_keys(way: str, world: World) -> None:
    assert crash_everywhere(world, WAYS[way], hours=30) >= BOUNDARIES
    assert world.problems() == []


def test_a_crash_anywhere_while_a_customer_is_told_leaves_it_told_once(world: World) -> None:
    boundaries = Boundaries()
    while "before create_invoice" not in boundaries.names:
        number = len(boundaries.names)
        boundaries = Boundaries(lambda crossed, number=number: crossed == number)  # type: ignore[misc]
        plant_untold(world, number)
        with suppress(Crash):
            world.sync(**crashing(boundaries, telling=True), workers=1)
        world.sync(workers=1)
    assert {"after update_profile", "after create_tax_id", "before commit"} <= set(boundaries.names)
    assert world.problems() + untold(world) == []


class TestPlantedBugs:
    """Each known wrong design, planted: the tests above would not be worth much if they let it pass."""

    def test_random_keys_are_caught(self, world: World) -> None:
        crash_everywhere(world, WAYS["create never answered, was done"], bug=Bug(stripe=RandomKeys))
        assert world.problems() != []

    def test_a_new_key_after_a_bare_timeout_is_caught(self, world: World) -> None:
        crash_everywhere(world, WAYS["create done late"], bug=Bug(stripe=NewKeyAfterTimeout))
        assert world.problems() != []

    def test_a_row_that_is_written_after_the_call_is_caught(self, world: World) -> None:
        crash_everywhere(world, WAYS["healthy"], hours=30, bug=Bug(rows=WrittenAfterTheCall))
        assert world.problems() != []

    def test_no_look_after_a_replayed_failure_is_caught(self, world: World) -> None:
        crash_everywhere(world, WAYS["create answered 500, was done"], bug=Bug(stripe=SeesNothing))
        assert world.problems() != []
