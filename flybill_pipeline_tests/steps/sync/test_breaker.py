"""The breaker over many runs: how few calls an outage or a bad key costs, one problem each, and what ends it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select

from flybill_pipeline.billing.sync.breaker import opening, wait_before_probe
from flybill_pipeline.billing.sync.values import Failure, SyncOrg, SyncScope
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.sync_invoices import SyncReport
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.breaker import SyncBreaker
from flybill_pipeline.stores.sync.tables import stripe_breaker
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

SHARDS = 16


def problems(world: World) -> list[tuple[str, str, bool]]:
    """Every time that everybody was stopped: why, and whether it is so still."""
    row = stripe_breaker.c
    with world.engine.connect() as connection:
        found = connection.execute(select(row.cause, row.code, row.is_open).order_by(row.breaker_id))
        return [(cause, code, is_open) for cause, code, is_open in found]


def close_month(world: World, **options: Any) -> list[SyncReport]:
    """All shards, one run after the other, as schedules and sensors start them."""
    return [world.sync(scope=SyncScope(MONTH, shard), by_a_person=False, **options) for shard in range(SHARDS)]


def test_hours_of_outage_cost_a_call_now_and_then_and_are_one_problem(world: World) -> None:
    plant(world.engine, 40)
    world.emulator.faults([{"match": {}, "fault": "reset_before"}])
    first = sum(report.calls for report in close_month(world, patience=10))
    assert first <= 20
    for hours in (1, 1, 9):
        world.pass_hours(hours)
        assert sum(report.calls for report in close_month(world)) == 1
    assert [(cause, is_open) for cause, _, is_open in problems(world)] == [("outage", True)]
    world.emulator.clear_faults()
    world.pass_hours(1)
    assert all(report.complete for report in close_month(world))
    assert [(cause, is_open) for cause, _, is_open in problems(world)] == [("outage", False)]
    assert world.problems() == []


def test_a_bad_key_costs_a_month_ten_calls_at_most_and_is_one_problem(world: World) -> None:
    plant(world.engine, 40)
    world.emulator.faults([{"match": {}, "fault": "unauthorized"}])
    reports = close_month(world)
    for hours in (1, 5, 18):
        world.pass_hours(hours)
        reports += close_month(world)
    assert sum(report.calls for report in reports) <= 10
    assert all(report.stopped is not None and "API key" in report.stopped for report in reports)
    assert problems(world) == [("refused", "bad_key", True)]


def test_another_key_is_tried_at_once_and_resumes(world: World) -> None:
    plant(world.engine, 4)
    world.emulator.faults([{"match": {}, "fault": "unauthorized"}])
    close_month(world)
    world.key_mark = "wrong too"
    assert sum(report.calls for report in close_month(world)) == 1
    assert sum(report.calls for report in close_month(world)) == 0
    assert problems(world) == [("refused", "bad_key", True)]
    world.emulator.clear_faults()
    world.key_mark = "right"
    assert all(report.complete for report in close_month(world))
    assert problems(world) == [("refused", "bad_key", False)]


def test_stripe_that_comes_back_and_refuses_the_key_is_another_problem(world: World) -> None:
    plant(world.engine, 4)
    world.emulator.faults([{"match": {}, "fault": "http_503"}])
    world.sync(patience=5)
    world.emulator.clear_faults()
    world.emulator.faults([{"match": {}, "fault": "unauthorized"}])
    world.sync()
    assert [(cause, is_open) for cause, _, is_open in problems(world)] == [("outage", False), ("refused", True)]


def test_a_key_that_may_not_finalize_is_one_problem_though_its_first_calls_succeed(world: World) -> None:
    plant(world.engine, 20)
    world.emulator.faults([{"match": {"endpoint": "finalize"}, "fault": "unauthorized"}])
    for shard in range(4):  # each probe is with an org whose first calls succeed
        assert world.sync(scope=SyncScope(MONTH, shard)).stopped is not None
    assert problems(world) == [("refused", "bad_key", True)]


class Refusing:
    """A Stripe that has one and the same permanent error for every org, at one endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def __call__(self, port: Stripe) -> Stripe:
        self._port = port
        return cast(Stripe, self)

    def __getattr__(self, name: str) -> object:
        if name != self._endpoint:
            return getattr(self._port, name)
        return lambda *_: Failure("org", "refused", "Stripe refused the request", "Tell", "req_1", status=400)


@pytest.mark.parametrize("endpoint", ["create_invoice", "add_lines", "finalize_invoice"])
def test_one_permanent_error_of_every_org_stops_the_run_after_five_of_them(endpoint: str, world: World) -> None:
    plant(world.engine, 40)
    report = world.sync(workers=16, stripe_of=Refusing(endpoint))
    assert report.calls <= 25  # each refused draft is looked at once
    assert (report.blocked, report.waiting) == (0, 40)
    assert report.stopped is not None
    assert report.stopped.startswith("Stripe refused 5 organizations for the same reason.")
    assert problems(world) == [("refused", "refused", True)]


def test_an_org_that_fails_alone_while_stripe_serves_the_others_opens_nothing(world: World) -> None:
    plant(world.engine, 4)
    customer = world.stripe().v1.customers.create({"name": "Stuck"}).id
    with world.engine.begin() as connection:
        stuck = organizations.c.org_id == "org00001"
        connection.execute(organizations.update().where(stuck).values(stripe_customer_id=customer))
    world.emulator.faults([{"match": {"endpoint": "create_invoice", "customer": customer}, "fault": "http_503"}])
    report = world.sync(patience=8)
    assert (report.finalized, report.waiting, report.stopped) == (3, 1, None)
    assert problems(world) == []


def test_amounts_that_we_refuse_ourselves_stop_nobody(world: World) -> None:
    plant(world.engine, 8)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("set session_replication_role = replica")  # past the triggers
        connection.exec_driver_sql("update flybill.invoices set subtotal_minor = 1000000000 where org_id > 'org00001'")
    report = world.sync()
    assert (report.finalized, report.blocked, report.stopped) == (2, 6, None)


class ElsewhereDown:
    """An object that is always busy; meanwhile another process finds that Stripe is down."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, port: Stripe) -> Stripe:
        self.contents = port.contents
        return cast(Stripe, self)

    def tax_problem(self) -> None: ...

    def create_customer(self, org: SyncOrg, key: str) -> Failure:
        failure = Failure("same_key", "no_answer", "No answer", "Nothing")
        SyncBreaker(self._world.engine).trip(opening("outage", failure, self._world.now()))
        return replace(failure, code="object_busy")


def test_a_run_ends_when_another_process_finds_stripe_down(world: World) -> None:
    plant(world.engine, 4)
    report = world.sync(stripe_of=ElsewhereDown(world), patience=200)
    assert report.stopped is not None
    assert report.waiting == 4


def test_waits_between_probes_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait_before_probe("outage", probes) for probes in range(8)]
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert waits[-1] == timedelta(minutes=15)


@pytest.mark.parametrize("fault", ["http_500_before", "http_500_after", "lock_timeout_cached", "http_503"])
@pytest.mark.parametrize("endpoint", ["create_invoice", "finalize"])
def test_a_run_ends_while_stripe_shows_all_and_takes_nothing(endpoint: str, fault: str, world: World) -> None:
    """Each stored failure is followed by a look, which succeeds: that is no sign that anything gets further."""
    plant(world.engine, 3)
    world.emulator.faults([{"match": {"endpoint": endpoint}, "fault": fault}])
    report = world.sync(patience=30)
    there = fault == "http_500_after"  # it was done, and the look finds it
    assert (report.finalized, report.waiting) == ((3, 0) if there else (0, 3))
    assert sum(world.emulator.report()["requests"].values()) < 150
    world.emulator.clear_faults()
    assert world.sync().complete
    assert world.problems() == []
