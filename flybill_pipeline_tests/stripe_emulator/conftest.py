"""An emulator that knows of nothing, and the real Stripe library pointed at it."""

from collections.abc import Iterator

import pytest
import stripe

from flybill_pipeline_tests.stripe_emulator.helpers import Shop
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators

stripe.enable_telemetry = False


@pytest.fixture
def emulator(emulators: Emulators) -> Iterator[EmulatorProcess]:
    """An empty emulator without limits."""
    with emulators.lent() as process:
        yield process


@pytest.fixture
def shop(emulator: EmulatorProcess) -> Shop:
    """stripe-python talking to the emulator, with short words for what tests do often."""
    return Shop(emulator.url)
