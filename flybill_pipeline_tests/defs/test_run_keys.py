"""What a run came to decides whether its work is asked for again: by schedules, by sensors, however the run ended."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.sync.values import Answer
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs import run_keys, schedules
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.defs.payment_sensor import QUIET, payment_sensor
from flybill_pipeline.defs.sensors import sensors
from flybill_pipeline.settings import load_settings

AT = datetime(2025, 3, 9, 9, 15, tzinfo=UTC)
PARTITIONS = Partitions(Month(2025, 1), 2)
REPOSITORY = build_defs(load_settings({"FLYBILL_SHARDS": "2"})).get_repository_def()
STOPPED = dg.DefaultSensorStatus.STOPPED
LOOKING = {found.name: found for found in [*sensors(PARTITIONS), payment_sensor(STOPPED, 30)]}
SUCCESS, FAILURE, CANCELED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED
AT_IT = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


class Facts:
    """Stands for all that schedules ask about: what has members, each may be changed."""

    def __init__(self) -> None:
        self.days, self.entries, self.terms, self.undecided = {date(2025, 3, 1): "v1"}, {1: 3}, 7, {Month(2025, 2): 4}
        self.count_of, self.mark_of = 5, "m1"
        self.pricing_inputs = self.budgets = self.open_months = self.organizations = self.recorded_lines = self
        self.settings = SimpleNamespace(lake_catalog="on")

    def compiled(self, _month: Month) -> dict[date, str]:
        return self.days

    def fingerprints(self, _month: Month) -> dict[str, str]:
        return {"usd": "book"}

    def newest(self) -> dict[int, int]:
        return self.entries

    def newest_terms(self) -> int:
        return self.terms

    def before(self, _end: Month) -> dict[Month, int]:
        return self.undecided

    def first(self) -> None:
        return None

    def count(self, _month: Month) -> int:
        return self.count_of


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_ran(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    instance.wipe()
    monkeypatch.setattr(schedules, "mark", lambda tools: tools.mark_of)
    monkeypatch.setattr(dg.ScheduleEvaluationContext, "instance", instance)  # it would open one by its files only


def due(name: str, facts: Any, at: datetime = AT) -> list[dg.RunRequest]:
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=REPOSITORY, resources={"toolbox": facts}
    ) as context:
        return list(REPOSITORY.get_schedule_def(name).evaluate_tick(context).run_requests or ())


def ran(instance: dg.DagsterInstance, job: str | None, request: Any, status: dg.DagsterRunStatus) -> None:
    """The run that Dagster makes of a request, with the tags that it gives it."""
    partition = {} if request.partition_key is None else {"dagster/partition": str(request.partition_key)}
    tags = {**request.tags, **partition, "dagster/run_key": request.run_key}
    create_run_for_test(instance, job_name=str(job), status=status, tags=tags)


def costlier(facts: Facts) -> None:
    facts.days = {date(2025, 3, 1): "v2"}


def renamed(facts: Facts) -> None:
    facts.terms = 8


def decided(facts: Facts) -> None:
    facts.undecided = {}


def billed(facts: Facts) -> None:
    facts.count_of = 6


def published(facts: Facts) -> None:
    facts.mark_of = "m2"


SCHEDULES: list[tuple[str, int, list[Callable[[Facts], None]]]] = [
    ("price_open_month", 2, [costlier, renamed, decided]),
    ("export_last_months", 3, [billed]),
    ("publish_open_lake", 1, [published]),
]


@pytest.mark.parametrize(("name", "runs", "changes"), SCHEDULES, ids=[name for name, *_ in SCHEDULES])
def test_a_schedule_asks_at_its_next_tick_only_for_what_is_not_done(
    instance: dg.DagsterInstance, name: str, runs: int, changes: list[Callable[[Facts], None]]
) -> None:
    """Dagster starts a run for each request of a new tick: a key keeps one tick from starting it twice, no more."""
    job, facts, later = REPOSITORY.get_schedule_def(name).job_name, Facts(), AT + timedelta(hours=1)
    asked = due(name, facts)
    assert len(asked) == runs
    for request in asked:
        ran(instance, job, request, SUCCESS)
    assert due(name, facts, later) == []
    for under_way in AT_IT:
        for request in asked:
            ran(instance, job, request, under_way)
        assert due(name, facts, later) == []
    for ended in (FAILURE, CANCELED):
        ran(instance, job, asked[0], ended)
        assert [request.run_key for request in due(name, facts, later)] == [asked[0].run_key]
        ran(instance, job, asked[0], SUCCESS)
    for change in changes:
        changed = Facts()
        change(changed)
        news = due(name, changed, later)
        assert len(news) == runs
        ran(instance, job, news[0], SUCCESS)  # what was made of it is not what was there before
        assert asked[0].run_key in {request.run_key for request in due(name, facts, later)}
        ran(instance, job, asked[0], SUCCESS)


def test_the_open_month_is_priced_once_a_day_at_least(instance: dg.DagsterInstance) -> None:
    for request in due("price_open_month", Facts()):
        ran(instance, "price_month", request, SUCCESS)
    assert len(due("price_open_month", Facts(), AT + timedelta(days=1))) == 2


def look(instance: dg.DagsterInstance, name: str, toolbox: Any) -> dg.RunRequest:
    with dg.build_sensor_context(instance=instance, resources={"toolbox": toolbox}) as context:
        (request,) = LOOKING[name].evaluate_tick(context).run_requests or ()
    return request


def unread() -> Any:
    return SimpleNamespace(unread_files=lambda: ["a:1:1"])


def unrecorded() -> Any:
    catalog = SimpleNamespace(days_to_record=lambda: [date(2024, 12, 31)], pieces_fingerprint=lambda _: "f")
    return SimpleNamespace(catalog=catalog)


@pytest.mark.parametrize("ended", [SUCCESS, FAILURE, CANCELED])
@pytest.mark.parametrize(("name", "toolbox"), [("landed_files_arrived", unread()), ("days_to_record", unrecorded())])
def test_a_sensor_gets_another_run_for_what_the_last_one_left(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    toolbox: Any,
    ended: dg.DagsterRunStatus,
) -> None:
    """A key that led to a run leads to no other, also where that was terminated, or found nothing to do."""
    used = set[str | None]()
    for _ in range(3):
        request = look(instance, name, toolbox)
        assert request.run_key not in used
        used.add(request.run_key)
        ran(instance, LOOKING[name].job_name, request, dg.DagsterRunStatus.STARTED)
        assert look(instance, name, toolbox).run_key in used  # it is at it
        ran(instance, LOOKING[name].job_name, request, ended)
        with monkeypatch.context() as just_ended:
            just_ended.setattr(run_keys, "AFTER_SUCCESS", timedelta.max)
            just_ended.setattr(run_keys, "AFTER_FAILURE", timedelta.max)
            ended_just_now = look(instance, name, toolbox).run_key
        assert ended_just_now == min(used, key=lambda key: len(str(key)))


@pytest.mark.parametrize("read_up_to", [None, AT - QUIET - timedelta(seconds=1), AT + timedelta(days=3)], ids=str)
def test_payments_that_no_run_has_read_are_asked_for_until_one_has(
    instance: dg.DagsterInstance, read_up_to: datetime | None
) -> None:
    """A run that was killed, terminated, or met a database that was away records no failure, and its key is used up."""

    def key(now: datetime) -> str | None:
        toolbox = SimpleNamespace(
            stripe_now=lambda: now,
            payment_events=SimpleNamespace(newest=lambda: Answer("evt_2")),
            payment_intake=SimpleNamespace(poll=lambda: Poll(read_up_to, read_up_to), known=lambda _: set()),
        )
        return look(instance, "stripe_events", toolbox).run_key

    moments = [AT + number * QUIET for number in range(5)]
    assert len({key(now) for now in moments}) == len(moments)
    seconds = [AT + timedelta(seconds=30 * number) for number in range(5)]
    assert len({key(now) for now in seconds}) <= 2  # and not for each look


def test_money_that_arrived_is_read_before_the_next_shard_of_a_close(instance: dg.DagsterInstance) -> None:
    """Dagster starts a few runs at once, by priority: a close of sixteen shards may take an hour of them."""
    facts = Facts()
    facts.undecided = {Month(2025, 1): 4, Month(2024, 12): 4}
    closing = due("close_last_month", facts, datetime(2025, 3, 3, 6, tzinfo=UTC))
    others = [int(request.tags.get("dagster/priority", "0")) for request in closing]
    assert int(REPOSITORY.get_job("read_payments").run_tags["dagster/priority"]) > max(others) > 0
