"""The storm in its short form: `python -m flybill_pipeline_tests.chaos` is the long one."""

import pytest

from flybill_pipeline_tests.chaos.mischief import MISCHIEF
from flybill_pipeline_tests.chaos.storm import Forecast, weather
from flybill_pipeline_tests.chaos.world import World


@pytest.mark.parametrize("seed", [11, 12])
def test_faults_crashes_and_days_in_between_leave_each_invoice_there_once(seed: int, world: World) -> None:
    storm = weather(world, Forecast(invoices=60, rate=0.2, seed=seed, crash_rate=0.02))
    assert storm.problems == []
    assert storm.crashes > 0
    assert storm.gaps > 0
    assert not storm.spent_too_many_calls, storm.calls_per_invoice


@pytest.mark.parametrize("mischief", MISCHIEF)
def test_clocks_editors_and_new_terms_in_between_leave_each_invoice_there_once(mischief: str, world: World) -> None:
    storm = weather(world, Forecast(invoices=60, rate=0.2, seed=13, crash_rate=0.02, mischief=[mischief]))
    assert storm.problems == []
    assert storm.crashes > 5
