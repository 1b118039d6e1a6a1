"""What runs by the calendar, evaluated at frozen times."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.definitions import build_defs
from flybill_pipeline.settings import load_settings


def tick(name: str, at: datetime, shards: int = 16) -> Any:
    repository = build_defs(load_settings({"FLYBILL_SHARDS": str(shards)})).get_repository_def()
    with dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository) as context:
        return repository.get_schedule_def(name).evaluate_tick(context)


def test_on_the_third_every_shard_of_the_previous_month_is_closed() -> None:
    requests = tick("close_last_month", datetime(2025, 1, 3, 6, tzinfo=UTC)).run_requests
    assert [str(request.partition_key) for request in requests] == [f"2024-12-01|{shard:02d}" for shard in range(16)]
    assert len({request.run_key for request in requests}) == 16


def test_the_same_tick_asks_for_the_same_runs() -> None:
    at = datetime(2025, 3, 3, 6, tzinfo=UTC)
    first, second = (tick("close_last_month", at).run_requests for _ in range(2))
    assert [request.run_key for request in first] == [request.run_key for request in second]


def test_the_number_of_shards_is_the_deployments() -> None:
    assert len(tick("close_last_month", datetime(2025, 3, 3, 6, tzinfo=UTC), shards=3).run_requests) == 3


def test_it_is_due_on_the_third_at_six_utc() -> None:
    found = build_defs(load_settings({})).get_repository_def().get_schedule_def("close_last_month")
    assert (found.cron_schedule, found.execution_timezone) == ("0 6 3 * *", "UTC")


@pytest.mark.parametrize(("day", "asked"), [(1, []), (2, []), (3, ["2025-02-01"]), (31, ["2025-02-01"])])
def test_from_the_third_on_the_closed_month_is_reconciled_every_morning(day: int, asked: list[str]) -> None:
    requests = tick("reconcile_last_month", datetime(2025, 3, day, 8, tzinfo=UTC)).run_requests or []
    assert [request.partition_key for request in requests] == asked
