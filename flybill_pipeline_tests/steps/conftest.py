"""The world of the chaos tests (database, emulator, one clock) for the steps that need it."""

from flybill_pipeline_tests.chaos.conftest import world
from flybill_pipeline_tests.steps.payments.credit_desk import desk

__all__ = ["desk", "world"]
