"""Usage of months before those that Dagster shows: recorded all the same, and told."""

import warnings
from datetime import date
from types import SimpleNamespace
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs import dagster_problems
from flybill_pipeline.defs.jobs import INGEST_USAGE
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.defs.sensors import sensors

MAY, AUG = Month(2026, 5), Month(2026, 8)
SHOWN = Partitions(AUG, 1)


def test_an_older_day_is_asked_for_by_its_tag_and_stops_no_other() -> None:
    days = [date(2026, 5, 31), date(2026, 8, 1)]
    catalog: Any = SimpleNamespace(days_to_record=lambda: days, pieces_fingerprint=str)
    [sensor] = [each for each in sensors(SHOWN) if each.name == "days_to_record"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        @dg.asset(partitions_def=SHOWN.days)
        def raw_usage() -> None: ...

        jobs = [dg.define_asset_job(INGEST_USAGE, selection=[raw_usage])]
        repository = dg.Definitions(assets=[raw_usage], jobs=jobs).get_repository_def()
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(
                instance=instance, repository_def=repository, resources={"toolbox": SimpleNamespace(catalog=catalog)}
            ) as context,
        ):
            requests = sensor.evaluate_tick(context).run_requests or []
    assert [request.tags["dagster/partition"] for request in requests] == ["2026-05-31", "2026-08-01"]
    assert len({request.run_key for request in requests}) == 2


def test_that_older_months_are_not_shown_is_told_with_what_to_do() -> None:
    [told] = dagster_problems._not_shown(MAY, AUG)
    assert "2026-05" in told.title
    assert "2026-08" in told.title
    assert "by itself" in told.remedy
    assert not list(dagster_problems._not_shown(AUG, AUG))
    assert not list(dagster_problems._not_shown(None, AUG))
