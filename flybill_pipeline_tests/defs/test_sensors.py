"""What starts runs by itself, on real runs that really fail: the stores are scripted, Dagster is Dagster's own."""

import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.usage.backlog import Backlog
from flybill_pipeline.defs import run_keys
from flybill_pipeline.defs import sensors as module
from flybill_pipeline.defs.close_began import BEGAN_TAG, RETRY_TAG, counts_from, wait_for_usage
from flybill_pipeline.defs.jobs import CLOSE_MONTH, READ_LANDED_FILES
from flybill_pipeline.defs.partitions import Partitions, month_shard_key
from flybill_pipeline.defs.sensors import FIRST_RETRY_WAIT, MOST_ATTEMPTS, MOST_PER_TICK, given_up, sensors

SHARDS = 6
RETRIES = dg.AssetCheckKey(dg.AssetKey("stripe_invoices"), "retries_left")
NOW = datetime.now(UTC)
LAST = Month.of(NOW).previous()
PARTITIONS = Partitions(LAST.previous().previous().previous().previous(), SHARDS)


class World:
    """The three assets of a close, of which the last fails while a shard is in `failing`; and the sensor under test."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instance = instance
        self.failing: set[str] = set()
        self.waiting: set[str] = set()
        self.stopped: OpenBreaker | None = None
        self.openings: list[tuple[datetime, datetime | None]] = []
        self.came_back: list[tuple[str, int, int]] = []
        self.now = datetime.now(UTC)
        self.open: dict[Month, int] = {}
        self.unread = Backlog()
        breaker = SimpleNamespace(state=lambda _now: self.stopped, openings=lambda _since: self.openings)
        self.toolbox: Any = SimpleNamespace(
            sync_ledger=SimpleNamespace(breaker=breaker, came_back=lambda: self.came_back),
            open_months=SimpleNamespace(before=lambda _end: self.open),
            usage_backlog=SimpleNamespace(unread=lambda _month, _landing: self.unread),
        )
        monkeypatch.setattr(module, "datetime", _Clock(self))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.definitions = dg.Definitions(
                assets=self.assets(),
                jobs=[dg.define_asset_job(CLOSE_MONTH, partitions_def=PARTITIONS.month_shards)],
            )
        self.sensor = next(s for s in sensors(PARTITIONS) if s.name == "retry_failed_partitions")

    def assets(self) -> list[dg.AssetsDefinition]:
        @dg.asset(partitions_def=PARTITIONS.month_shards)
        def monthly_line_items() -> None: ...

        @dg.asset(partitions_def=PARTITIONS.month_shards, deps=[monthly_line_items])
        def finalized_invoices() -> None: ...

        @dg.asset(partitions_def=PARTITIONS.month_shards, deps=[finalized_invoices])
        def stripe_invoices(context: dg.AssetExecutionContext) -> None:
            if str(context.partition_key) in self.waiting:
                wait_for_usage(context.instance, context.run, counts_from(context.instance, context.run, self.now))
                raise dg.Failure("usage is not read", allow_retries=False)
            if str(context.partition_key) in self.failing:
                raise dg.Failure("Stripe is down", allow_retries=False)

        return [monthly_line_items, finalized_invoices, stripe_invoices]

    def run(self, key: str, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        """One run of the job, as the daemon would start it."""
        job = self.definitions.resolve_job_def(CLOSE_MONTH)
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return job.execute_in_process(
            partition_key=key, instance=self.instance, raise_on_error=False, tags=tags, run_config=quiet
        )

    def tick(self) -> Any:
        """What the sensor says now."""
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance, repository_def=repository, resources={"toolbox": self.toolbox}
        ) as context:
            return self.sensor.evaluate_tick(context)

    def wait(self, time: timedelta) -> None:
        """Lets some time pass after what has happened so far."""
        self.now = max(self.now, datetime.now(UTC)) + time

    def requests(self) -> list[dg.RunRequest]:
        return list(self.tick().run_requests or [])

    def follow(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Starts the run that the sensor asked for."""
        return self.run(str(request.partition_key), dict(request.tags))


class _Clock:
    """Stands for the class datetime in the sensor's module, with a time that the test moves."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self, _zone: Any) -> datetime:
        return self._world.now

    fromtimestamp = staticmethod(datetime.fromtimestamp)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance, monkeypatch)


def key(shard: int = 0, month: Month = LAST) -> str:
    return str(month_shard_key(month, shard))


def test_nothing_failed_nothing_asked(world: World) -> None:
    world.run(key())
    tick = world.tick()
    assert not tick.run_requests
    assert "no failed shard is due" in tick.skip_message


def test_a_failed_shard_is_asked_for_once_its_wait_is_over(world: World) -> None:
    world.failing = {key(1)}
    failed = world.run(key(1))
    world.run(key(2))
    assert world.requests() == []
    world.wait(FIRST_RETRY_WAIT)
    (request,) = world.requests()
    assert (str(request.partition_key), request.run_key) == (key(1), f"retry:{key(1)}:{failed.run_id}")
    assert request.tags[RETRY_TAG] == failed.run_id


def test_the_same_failure_has_the_same_run_key_however_often_one_looks(world: World) -> None:
    world.failing = {key()}
    world.run(key())
    world.wait(FIRST_RETRY_WAIT)
    assert world.requests()[0].run_key == world.requests()[0].run_key
    world.wait(timedelta(days=1))
    assert len({request.run_key for request in [*world.requests(), *world.requests()]}) == 1


def test_a_retry_that_succeeds_ends_it(world: World) -> None:
    world.failing = {key()}
    world.run(key())
    world.wait(FIRST_RETRY_WAIT)
    (request,) = world.requests()
    world.failing.clear()
    assert world.follow(request).success
    world.wait(timedelta(days=1))
    assert world.requests() == []


def test_each_wait_is_twice_the_one_before_until_the_shard_is_given_up_loudly(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.failing = {key()}
    world.run(key())
    waits = []
    for attempt in range(2, MOST_ATTEMPTS + 1):
        before = world.now = datetime.now(UTC)
        while not (asked := world.requests()):
            world.now += timedelta(seconds=30)
            assert world.now - before < timedelta(hours=2)
        waits.append(world.now - before)
        assert asked[0].tags["flybill/attempt"] == str(attempt)
        world.follow(asked[0])
    minutes = [round(wait / timedelta(minutes=1)) for wait in waits]
    assert minutes == [1, 2, 4, 8, 16]
    world.wait(timedelta(days=2))
    tick = world.tick()
    assert not tick.run_requests
    assert key() in tick.skip_message
    assert "given up" in tick.skip_message
    world.tick()
    history = world.instance.event_log_storage.get_asset_check_execution_history(RETRIES, limit=10)
    assert [(str(record.partition), record.status.value) for record in history] == [(key(), "FAILED")]


def test_a_run_that_a_person_started_begins_the_count_anew(world: World) -> None:
    world.failing = {key()}
    world.run(key())
    for _ in range(MOST_ATTEMPTS - 1):
        world.wait(timedelta(hours=2))
        (request,) = world.requests()
        world.follow(request)
    world.wait(timedelta(hours=2))
    assert world.requests() == []
    world.run(key())
    world.wait(timedelta(hours=2))
    (request,) = world.requests()
    assert request.tags["flybill/attempt"] == "2"


def test_while_a_run_is_under_way_nothing_is_asked(world: World) -> None:
    world.failing = {key()}
    world.run(key())
    job = world.definitions.resolve_job_def(CLOSE_MONTH)
    world.instance.create_run_for_job(job, tags={"dagster/partition": key()}, status=dg.DagsterRunStatus.STARTED)
    world.wait(timedelta(hours=2))
    assert world.requests() == []


def test_only_a_few_at_a_time_and_the_oldest_month_first(world: World) -> None:
    keys = [key(shard, month) for month in (LAST, LAST.previous()) for shard in range(4)]
    world.failing = set(keys)
    for each in keys:
        world.run(each)
    world.wait(timedelta(hours=2))
    assert [str(request.partition_key) for request in world.requests()] == [
        key(shard, LAST.previous()) for shard in range(MOST_PER_TICK)
    ]


def test_months_long_past_and_the_open_month_are_left_alone(world: World) -> None:
    old, current = LAST.previous().previous().previous(), Month.of(NOW)
    world.failing = {key(0, old), key(0, current)}
    for each in sorted(world.failing):
        world.run(each)
    world.wait(FIRST_RETRY_WAIT)
    assert world.requests() == []


def test_runs_of_a_backfill_are_seen_though_their_job_has_another_name(world: World) -> None:
    world.failing = {key()}
    failed = dg.materialize(
        world.assets(),
        partition_key=key(),
        instance=world.instance,
        raise_on_error=False,
    )
    assert not failed.success
    world.wait(FIRST_RETRY_WAIT)
    assert [request.run_key for request in world.requests()] == [f"retry:{key()}:{failed.run_id}"]


def stopped(since: datetime, until: datetime) -> OpenBreaker:
    return OpenBreaker("outage", "no_answer", "Stripe does not answer.", "Nothing.", None, since, until, 0)


def test_while_stripe_is_down_one_shard_at_a_time_is_the_probe_and_no_attempt_is_spent(world: World) -> None:
    began = datetime.now(UTC)
    world.failing = {key(shard) for shard in range(3)}
    for each in sorted(world.failing):
        world.run(each)
    for _ in range(MOST_ATTEMPTS + 1):
        world.wait(timedelta(hours=1))
        world.stopped = stopped(began, world.now + timedelta(minutes=1))
        assert "Stripe does not answer." in world.tick().skip_message
        world.wait(timedelta(hours=1))
        world.openings = [(began, None)]
        world.stopped = stopped(began, world.now)
        (probe,) = world.requests()
        assert probe.tags["flybill/attempt"] == "1"
        world.follow(probe)
        assert given_up(world.instance, world.toolbox, PARTITIONS, world.openings, world.now) == []
    world.stopped, world.openings = None, [(began, datetime.now(UTC))]
    assert len(world.requests()) == 3  # all of them, at once


def test_while_calls_are_stopped_another_shard_is_the_probe_each_time(world: World) -> None:
    """Else a shard with nothing but the org that failed last would be asked for, again and again."""
    began = datetime.now(UTC)
    world.failing = {key(shard) for shard in range(3)}
    for each in sorted(world.failing):
        world.run(each)
    world.openings = [(began, None)]
    probed = []
    for _ in range(3):
        world.wait(timedelta(hours=1))
        world.stopped = stopped(began, world.now)
        (probe,) = world.requests()
        world.follow(probe)
        probed.append(str(probe.partition_key))
    assert sorted(probed) == sorted(world.failing)


def test_a_run_that_ended_in_the_future_is_waited_for_no_longer_than_any_other(world: World) -> None:
    """Its clock was ahead: the shard would be left alone until then."""
    earlier = key(month=LAST.previous())  # a month that has ended two hours ago too, whatever the date is
    world.failing = {earlier}
    world.run(earlier)
    world.now -= timedelta(hours=2)
    assert [str(each.partition_key) for each in world.requests()] == [earlier]


def test_shards_that_did_not_fail_are_brought_back_once_calls_are_let_through(world: World) -> None:
    world.run(key(2))
    world.came_back = [(str(LAST), 2, 7)]
    world.stopped = stopped(world.now, world.now + timedelta(minutes=1))
    assert world.requests() == []
    world.stopped = None
    assert [(each.partition_key, each.run_key) for each in world.requests()] == [(key(2), f"came-back:{key(2)}:7")]


def test_what_fails_after_stripe_has_answered_again_counts(world: World) -> None:
    began = datetime.now(UTC)
    world.failing = {key()}
    world.run(key())
    world.wait(timedelta(seconds=1))
    world.openings = [(began, datetime.now(UTC))]
    (first,) = world.requests()
    world.follow(first)
    world.wait(timedelta(seconds=1))
    assert world.requests() == []
    world.wait(FIRST_RETRY_WAIT)
    (second,) = world.requests()
    assert second.tags["flybill/attempt"] == "2"


def test_a_shard_that_waits_for_usage_comes_back_when_that_is_read_and_spends_no_attempt(world: World) -> None:
    world.waiting = {key()}
    world.unread = Backlog(files=("usage/a.jsonl",))
    began = world.now
    world.run(key())
    for _ in range(MOST_ATTEMPTS + 2):
        world.wait(timedelta(hours=1))
        assert world.requests() == []
        world.unread = Backlog()
        (request,) = world.requests()
        assert request.tags["flybill/attempt"] == "1"
        again = world.follow(request)
        # However often it is tried, it counts what had landed when it was tried first.
        assert BEGAN_TAG not in request.tags
        assert again.dagster_run.tags[BEGAN_TAG] == began.isoformat()
        assert given_up(world.instance, world.toolbox, PARTITIONS, world.openings, world.now) == []
        world.unread = Backlog(files=("usage/b.jsonl",))


def test_a_person_who_closes_a_shard_that_waited_begins_anew(world: World) -> None:
    world.waiting = {key()}
    world.run(key())
    world.wait(timedelta(minutes=1))
    assert world.run(key()).dagster_run.tags[BEGAN_TAG] == world.now.isoformat()


def test_a_shard_of_a_month_that_is_still_open_comes_back_however_old_it_is(world: World) -> None:
    old = LAST.previous().previous().previous()
    world.failing = {key(0, old)}
    world.run(key(0, old))
    world.wait(timedelta(hours=2))
    assert world.requests() == []
    world.open = {old: 3}
    assert [str(request.partition_key) for request in world.requests()] == [key(0, old)]


def nothing_new(tables: dict[str, datetime | None]) -> SimpleNamespace:
    """A site where nothing has landed, with these tables that were not looked at for long."""
    return SimpleNamespace(
        unread_files=list,
        uncompared_pieces=list,
        now=lambda: NOW,
        tables_behind=lambda since: tables if since == NOW - timedelta(minutes=15) else {},
    )


class TestIntake:
    """The two sensors that look at the landing zone and the lake's catalog."""

    def tick(self, name: str, toolbox: Any, instance: dg.DagsterInstance | None = None) -> Any:
        sensor = next(found for found in sensors(PARTITIONS) if found.name == name)
        with (
            dg.DagsterInstance.ephemeral() if instance is None else nullcontext(instance) as used,
            dg.build_sensor_context(instance=used, resources={"toolbox": toolbox}) as context,
        ):
            return sensor.evaluate_tick(context)

    def test_files_that_were_not_read_are_asked_for_again_a_while_later_and_once_for_each_failure(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What kept them from being read, such as a full disk, may be over; nothing about the files changes then."""

        @dg.op
        def read() -> None:
            raise dg.Failure("the disk is full")

        @dg.job(name=READ_LANDED_FILES)
        def reading() -> None:
            read()

        toolbox = SimpleNamespace(unread_files=lambda: ["a:1:1"])
        with dg.DagsterInstance.ephemeral() as instance:

            def key() -> str | None:
                (request,) = self.tick("landed_files_arrived", toolbox, instance).run_requests
                return str(request.run_key)

            first = key()
            reading.execute_in_process(instance=instance, raise_on_error=False)
            assert key() == first
            monkeypatch.setattr(run_keys, "AFTER_FAILURE", timedelta(0))
            second = key()
            assert second != first
            assert key() == second
            reading.execute_in_process(instance=instance, raise_on_error=False)
            assert key() not in (first, second)

    def test_new_files_are_one_run_and_the_same_files_the_same_run(self) -> None:
        def keys(*files: str) -> list[str | None]:
            toolbox = SimpleNamespace(unread_files=lambda: list(files))
            return [request.run_key for request in self.tick("landed_files_arrived", toolbox).run_requests]

        assert len(keys("a:1:1", "b:1:1")) == 1
        assert keys("a:1:1") == keys("a:1:1") != keys("a:2:1")

    def test_no_new_file_no_run(self) -> None:
        tick = self.tick("landed_files_arrived", nothing_new({}))
        assert (tick.run_requests or [], tick.skip_message) == ([], "nothing new has landed")

    def test_a_table_of_an_engine_is_looked_at_once_in_a_while(self) -> None:
        def key(last: datetime | None) -> str | None:
            (request,) = self.tick("landed_files_arrived", nothing_new({"warehouse": last})).run_requests
            return str(request.run_key)

        assert key(None) == key(None)
        assert key(None) != key(NOW) != key(NOW + timedelta(minutes=15))
