"""The ways of one invoice to Stripe, and a crash at the boundaries of each. Not here: what must be true after it."""

from collections.abc import Mapping
from typing import Any

from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing
from flybill_pipeline_tests.chaos.months import plant
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


def crash_everywhere(
    world: World, plan: Plan, *, hours: int = 0, bug: Bug = NO_BUG, first: int = 0, step: int = 1
) -> int:
    """For a new invoice each time: a crash at the next boundary, `hours` without anybody, a second run.

    It begins at the boundary `first`, and goes on by `step`. Returns the number of one behind the last; ends when a run
    gets through without reaching its crash, or as soon as a planted bug shows.
    """
    number = first
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
        number += step
