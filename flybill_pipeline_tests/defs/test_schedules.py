"""What runs by the calendar, evaluated at frozen times."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.settings import load_settings

NOTHING_RAN = SimpleNamespace(get_run_records=lambda *_, **__: [])


class Months:
    """Stands for the months that are open; `first` is the first that was closed."""

    def __init__(self, *months: str, first: str | None = None) -> None:
        self.open_months = self
        self._open = {Month.parse(month): 1 for month in months}
        self._first = None if first is None else Month.parse(first)

    def first(self) -> Month | None:
        return self._first

    def before(self, end: Month) -> dict[Month, int]:
        return {month: count for month, count in self._open.items() if month < end}


def tick(name: str, at: datetime, shards: int = 16, tools: object = None) -> Any:
    repository = build_defs(load_settings({"FLYBILL_SHARDS": str(shards)})).get_repository_def()
    resources = {"toolbox": tools or Months()}
    with (
        patch.object(dg.ScheduleEvaluationContext, "instance", NOTHING_RAN),
        dg.build_schedule_context(
            scheduled_execution_time=at, repository_def=repository, resources=resources
        ) as context,
    ):
        return repository.get_schedule_def(name).evaluate_tick(context)


def test_on_the_third_every_shard_of_the_previous_month_is_closed() -> None:
    requests = tick("close_last_month", datetime(2025, 1, 3, 6, tzinfo=UTC)).run_requests
    assert [str(request.partition_key) for request in requests] == [f"2024-12|{shard:02d}" for shard in range(16)]
    assert len({request.run_key for request in requests}) == 16


def test_the_same_tick_asks_for_the_same_runs() -> None:
    at = datetime(2025, 3, 3, 6, tzinfo=UTC)
    first, second = (tick("close_last_month", at).run_requests for _ in range(2))
    assert [request.run_key for request in first] == [request.run_key for request in second]


def test_months_that_are_still_open_are_closed_before_it_the_oldest_first() -> None:
    """Of ticks that were missed Dagster makes up only for the last, so it asks for what the others would have."""
    at, tools = datetime(2025, 3, 3, 6, tzinfo=UTC), Months("2024-11", "2025-01", "2025-02")
    requests = tick("close_last_month", at, shards=2, tools=tools).run_requests
    wanted = [f"{month}|{shard:02d}" for month in ("2024-11", "2025-01", "2025-02") for shard in range(2)]
    assert [str(request.partition_key) for request in requests] == wanted
    assert len({request.run_key for request in requests}) == len(wanted)
    priorities = [int(request.tags.get("dagster/priority", 0)) for request in requests]
    assert priorities == [2, 2, 1, 1, 0, 0]


def test_a_month_that_is_open_still_is_asked_for_again_at_the_next_tick() -> None:
    def keys(month: int) -> set[str | None]:
        asked = tick("close_last_month", datetime(2025, month, 3, 6, tzinfo=UTC), shards=1, tools=Months("2024-11"))
        return {request.run_key for request in asked.run_requests if request.partition_key == "2024-11|00"}

    assert len(keys(3)) == len(keys(4)) == 1
    assert keys(3) == keys(3) != keys(4)


def test_months_before_the_first_are_not_closed() -> None:
    tools = Months("2019-12")
    requests = tick("close_last_month", datetime(2020, 2, 3, 6, tzinfo=UTC), shards=1, tools=tools).run_requests
    assert [str(request.partition_key) for request in requests] == ["2020-01|00"]


def test_the_number_of_shards_is_the_deployments() -> None:
    assert len(tick("close_last_month", datetime(2025, 3, 3, 6, tzinfo=UTC), shards=3).run_requests) == 3


def test_it_is_due_on_the_third_at_six_utc() -> None:
    found = build_defs(load_settings({})).get_repository_def().get_schedule_def("close_last_month")
    assert (found.cron_schedule, found.execution_timezone) == ("0 6 3 * *", "UTC")


def test_the_grace_is_the_deployments() -> None:
    repository = build_defs(load_settings({"FLYBILL_CLOSE_GRACE_DAYS": "5"})).get_repository_def()
    assert repository.get_schedule_def("close_last_month").cron_schedule == "0 6 6 * *"


CLOSED = {2: ["2025-01", "2024-12", "2024-11"], 3: ["2025-02", "2025-01", "2024-12"]}


@pytest.mark.parametrize("name", ["reconcile_last_months", "verify_last_months"])
@pytest.mark.parametrize("day", CLOSED)
def test_the_last_three_closed_months_are_looked_at_again(name: str, day: int) -> None:
    requests = tick(name, datetime(2025, 3, day, 8, tzinfo=UTC)).run_requests
    assert [request.partition_key for request in requests] == CLOSED[day]


CLOSED_BY_HAND = ["2025-02", "2025-01", "2024-12"]


@pytest.mark.parametrize("name", ["reconcile_last_months", "verify_last_months"])
def test_a_month_that_a_person_closed_within_the_days_of_grace_is_looked_at_at_once(name: str) -> None:
    def asked(tools: Months) -> list[str | None]:
        requests = tick(name, datetime(2025, 3, 2, 8, tzinfo=UTC), tools=tools).run_requests
        return [request.partition_key for request in requests]

    assert asked(Months(first="2024-10")) == CLOSED_BY_HAND
    assert asked(Months("2024-11", first="2024-10")) == CLOSED_BY_HAND  # an older one that is open is another matter
    assert asked(Months("2025-02", first="2024-10")) == CLOSED[2]  # for some only
    assert asked(Months(first="2025-03")) == CLOSED[2]  # nobody has anything of it


def test_a_month_that_a_person_closed_within_the_days_of_grace_is_exported_at_once() -> None:
    tools = Finalized({"2025-02": 5}, first="2025-02")
    requests = tick("export_last_months", datetime(2025, 3, 1, 9, tzinfo=UTC), tools=tools).run_requests
    assert [request.partition_key for request in requests] == ["2025-02"]


def test_months_before_the_first_are_not_asked_for() -> None:
    requests = tick("reconcile_last_months", datetime(2020, 2, 20, 8, tzinfo=UTC)).run_requests
    assert [request.partition_key for request in requests] == ["2020-01"]


class Finalized(Months):
    """Stands for how many invoices each month has."""

    def __init__(self, counts: dict[str, int], first: str | None = None) -> None:
        super().__init__(first=first)
        self.recorded_lines, self._counts = self, counts

    def count(self, month: Month) -> int:
        return self._counts.get(str(month), 0)


def test_in_a_fresh_install_nothing_runs_by_itself_unless_it_is_said() -> None:
    def running(environ: dict[str, str]) -> set[bool]:
        repository = build_defs(load_settings(environ)).get_repository_def()
        return {each.default_status == dg.DefaultScheduleStatus.RUNNING for each in repository.schedule_defs}

    assert running({}) == {False}
    assert running({"FLYBILL_AUTOMATION": "1"}) == {True}
