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
    "bug",
    [Bug(stripe=RandomKeys), Bug(stripe=NewKeyAfterTimeout), Bug(rows=WrittenAfterTheCall)],
    ids=["random keys", "a new key after a timeout", "written after the call"],
)
def test_a_planted_bug_does_not_survive(bug: Bug, worlds: Worlds) -> None:
    """A dozen of stories shows it, more or less: which ones are told depends on all that was imported before."""
    with pytest.raises(AssertionError):
        tell_stories(worlds, 300, steps=12, bug=bug, derandomize=True, phases=[Phase.generate])
