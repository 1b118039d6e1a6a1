"""One emulator for the folder, emptied for each test, beside a fresh database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


@pytest.fixture(scope="package")
def emulator_process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def world(engine: Engine, emulator_process: EmulatorProcess) -> World:
    emulator_process.reset()
    emulator_process.clear_faults()
    return World(engine, emulator_process)
