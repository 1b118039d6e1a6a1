"""A made-up month of any size can be landed: each file has rows that its source can read."""

from pathlib import Path

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.demo.world import DemoPlan, write_usage
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.sources import load_sources


@pytest.mark.parametrize(("orgs", "events"), [(1, 1), (30, 3_000), (200, 200_000)])
def test_each_file_of_a_plan_can_be_landed(orgs: int, events: int, tmp_path: Path) -> None:
    sources = load_sources(load_settings({}).sources)
    landing = Landing(str(tmp_path / "landing"), sources)
    files = write_usage(DemoPlan(Month(2026, 10), orgs, events, 7, 0.0), tmp_path)
    landed = [landing.land(file, source) for source, file in files]
    assert len({each.path for each in landed}) == len(files) >= 1
    assert write_usage(DemoPlan(Month(2026, 10), orgs, events, 7, 0.0), tmp_path) == files
