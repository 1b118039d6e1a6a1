"""A database with nothing in it, an emulator that knows of nothing, and one clock for both."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.emulator import Emulators


@pytest.fixture
def world(engine: Engine, emulators: Emulators) -> Iterator[World]:
    with emulators.lent() as emulator:
        yield World(engine, emulator)
