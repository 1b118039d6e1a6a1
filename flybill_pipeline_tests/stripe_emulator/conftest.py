"""One emulator process for all tests here, emptied before each, and the real Stripe library pointed at it."""

from collections.abc import Iterator

import pytest
import stripe

from flybill_pipeline_tests.stripe_emulator.helpers import Shop
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

stripe.enable_telemetry = False


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def emulator(shared_emulator: EmulatorProcess) -> EmulatorProcess:
    """An empty emulator without limits."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture
def shop(emulator: EmulatorProcess) -> Shop:
    """stripe-python talking to the emulator, with short words for what tests do often."""
    return Shop(emulator.url)
