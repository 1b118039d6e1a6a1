"""Arbitrary stories of a month, told by hypothesis; and planted bugs, which must not survive them."""

from collections.abc import Iterator

import pytest
from hypothesis import Phase

from flybill_pipeline_tests.chaos.bugs import Bug, NewKeyAfterTimeout, RandomKeys, WrittenAfterTheCall
from flybill_pipeline_tests.chaos.machine import Worlds, tell_stories
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.emulator import Emulators


@pytest.fixture(scope="module")
def worlds(databases: Databases, emulators: Emulators) -> Iterator[Worlds]:
    with emulators.lent() as emulator:
        yield Worlds(databases, emulator)


def test_no_story_bills_anybody_twice_wrongly_or_not_at_all(worlds: Worlds) -> None:
    tell_stories(worlds, 15, steps=8, derandomize=True)


@pytest.mark.parametrize(
    ("bug", "steps"),
    [(Bug(stripe=RandomKeys), 12), (Bug(stripe=NewKeyAfterTimeout), 12), (Bug(rows=WrittenAfterTheCall), 6)],
    ids=["random keys", "a new key after a timeout", "written after the call"],
)
def test_a_planted_bug_does_not_survive(bug: Bug, steps: int, worlds: Worlds) -> None:
    """In stories of as many steps as show it soon."""
    with pytest.raises(AssertionError):
        tell_stories(worlds, 100, steps=steps, bug=bug, derandomize=True, phases=[Phase.generate])
