"""The storm in its short form: `python -m flybill_pipeline_tests.chaos` is the long one."""

import pytest

from flybill_pipeline_tests.chaos.storm import weather
from flybill_pipeline_tests.chaos.world import World


@pytest.mark.parametrize("seed", [11, 12])
def test_faults_crashes_and_days_in_between_leave_each_invoice_there_once(seed: int, world: World) -> None:
    storm = weather(world, invoices=60, rate=0.2, seed=seed, crash_rate=0.02)
    assert storm.problems == []
    assert storm.crashes > 0
    assert storm.gaps > 0
    assert storm.calls_per_invoice <= 6
