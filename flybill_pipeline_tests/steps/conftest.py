"""The world of the chaos tests (database, emulator, one clock) for the steps that need it."""

from flybill_pipeline_tests.chaos.conftest import emulator_process, world

__all__ = ["emulator_process", "world"]
