"""One invoice, a crash at the boundaries of its way, one after the other; then a fresh process finishes it.

Of the healthy way at every boundary. Of each other one at every sixth, with another first one for each: so all are met
on some way. `make chaos` crashes at every boundary of every way.
"""

from contextlib import suppress

import pytest

from flybill_pipeline_tests.chaos.bugs import Bug, NewKeyAfterTimeout, RandomKeys, SeesNothing, WrittenAfterTheCall
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing
from flybill_pipeline_tests.chaos.telling import plant_untold, untold
from flybill_pipeline_tests.chaos.ways import BOUNDARIES, WAYS, crash_everywhere
from flybill_pipeline_tests.chaos.world import World


def share_of(way: str) -> tuple[int, int]:
    """The first boundary that is crashed at on this way, and how far on the next one is."""
    number = list(WAYS).index(way)
    return (number % 6, 6) if number else (0, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_anywhere_leaves_nothing_twice_nothing_lost_and_nothing_behind(way: str, world: World) -> None:
    first, step = share_of(way)
    assert crash_everywhere(world, WAYS[way], first=first, step=step) >= BOUNDARIES
    assert world.problems() == []


@pytest.mark.parametrize("way", ["healthy", "create never answered, was done", "second lines answered 500, done"])
def test_the_same_when_the_next_run_comes_after_stripe_has_forgotten_the_keys(way: str, world: World) -> None:
    first, step = share_of(way)
    assert crash_everywhere(world, WAYS[way], hours=30, first=first, step=step) >= BOUNDARIES
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
