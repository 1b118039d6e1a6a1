"""Our clock minutes, hours and days off Stripe's, in both directions: each customer and invoice is there once."""

import time
from datetime import timedelta
from typing import cast

import pytest

from flybill_pipeline.billing.sync.values import Answer, Failure, StripeInvoice, SyncInvoice
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.sent_keys import SentKeys
from flybill_pipeline_tests.chaos.bugs import Bug, SearchesByOurClock
from flybill_pipeline_tests.chaos.crashes import crash_at
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

OFF = [sign * timedelta(minutes=minutes) for minutes in (10, 70, 180, 3 * 24 * 60) for sign in (1, -1)]
ENDPOINTS = ("create_customer", "create", "add_lines", "finalize")
CALLS = ("create_customer", "create_invoice", "add_lines", "finalize_invoice")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("skew", OFF, ids=str)
@pytest.mark.parametrize("fault", ["http_500_after", "reset_after"])
def test_an_answer_that_is_lost_while_the_clock_is_wrong_makes_nothing_twice(
    fault: str, skew: timedelta, world: World
) -> None:
    world.skew = skew
    for number, endpoint in enumerate(ENDPOINTS):
        plant(world.engine, 1, first=number)
        world.emulator.faults([{"match": {"endpoint": endpoint, "nth": 1}, "fault": fault}])
        assert world.sync().complete
        world.emulator.clear_faults()
    assert world.problems() == []


CHANGES = [
    (timedelta(0), -10 * HOUR),
    (timedelta(0), -3 * DAY),
    (timedelta(0), 3 * DAY),
    (3 * HOUR, timedelta(0)),
    (3 * DAY, timedelta(0)),
    (-3 * DAY, timedelta(0)),
    (28 * HOUR, -28 * HOUR),
]


@pytest.mark.parametrize(("before", "after"), CHANGES, ids=str)
@pytest.mark.parametrize("hours", [0, 30])
def test_a_run_that_died_under_one_clock_is_finished_under_another_without_doing_anything_twice(
    hours: int, before: timedelta, after: timedelta, world: World
) -> None:
    """`hours` pass at Stripe in between: with 30 it has forgotten every key."""
    for number, call in enumerate(CALLS):
        plant(world.engine, 1, first=number)
        world.skew = before
        assert crash_at(world, f"after {call}")
        world.pass_hours(hours)
        world.skew = after
        assert world.sync().complete
    assert world.problems() == []


def lost_answers(world: World, skew: timedelta, bug: Bug) -> list[str]:
    """An answer of each endpoint is lost while our clock is off; what is wrong afterwards."""
    world.skew = skew
    for number, endpoint in enumerate(ENDPOINTS):
        plant(world.engine, 1, first=number)
        world.emulator.faults([{"match": {"endpoint": endpoint, "nth": 1}, "fault": "http_500_after"}])
        world.sync(**bug.ports())
        world.emulator.clear_faults()
    return world.problems()


def test_a_search_that_begins_by_our_clock_is_caught(world: World) -> None:
    assert lost_answers(world, 3 * HOUR, Bug(rows=SearchesByOurClock)) != []


def test_an_age_by_our_clock_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentKeys, "sent_within", lambda *_: True)
    plant(world.engine, 1)
    assert crash_at(world, "after create_invoice")
    world.pass_hours(30)
    world.skew = -28 * HOUR
    world.sync()
    assert world.problems() != []


class ClockGoesBack:
    """Stripe; our clock is set back by so much once, as its first answer to a new draft comes."""

    def __init__(self, world: World, by: timedelta) -> None:
        self._world, self._by = world, by

    def __call__(self, port: Stripe) -> Stripe:
        self._port = port
        return cast(Stripe, self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def create_invoice(self, invoice: SyncInvoice, key: str) -> Answer[StripeInvoice] | Failure:
        answer = self._port.create_invoice(invoice, key)
        self._world.skew, self._by = self._world.skew - self._by, timedelta(0)
        return answer


@pytest.mark.parametrize("by", [HOUR, 3 * DAY], ids=str)
def test_a_clock_that_is_set_back_while_a_run_waits_keeps_nothing_waiting(by: timedelta, world: World) -> None:
    plant(world.engine, 3)
    busy = [{"match": {"endpoint": "create_invoice", "nth": n}, "fault": "http_503"} for n in range(1, 8)]
    world.emulator.faults(busy)
    began = time.monotonic()
    assert world.sync(stripe_of=ClockGoesBack(world, by)).complete
    assert time.monotonic() - began < 30
    assert world.problems() == []


@pytest.mark.parametrize("by", [HOUR, 3 * DAY], ids=str)
def test_a_run_loses_patience_though_the_clock_is_set_back(by: timedelta, world: World) -> None:
    plant(world.engine, 1)
    world.emulator.faults([{"match": {"endpoint": "create_invoice"}, "fault": "http_503"}])
    began = time.monotonic()
    report = world.sync(stripe_of=ClockGoesBack(world, by), patience=60)
    assert (report.waiting, report.stopped is not None) == (1, True)
    assert time.monotonic() - began < 60
