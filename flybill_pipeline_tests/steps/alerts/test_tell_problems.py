"""One message for a problem: when it begins, while it lasts, when it is over. Real Postgres, real webhook."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.alerts.problems import Problem
from flybill_pipeline.notifiers.webhook import Webhook
from flybill_pipeline.steps.alerts.tell_problems import REMINDER, REST, Told, tell_problems
from flybill_pipeline.stores.alerts.ledger import ProblemLedger
from flybill_pipeline_tests.worlds.mailbox import Hook, webhook

HELD = Problem(
    "held/2026-10/no_price",
    "2026-10: 3 organizations held (no_price)",
    "no price matches meter gpu_seconds",
    "3 organizations (acme, bolt, cirrus)",
    "$1,234.00",
    "Add the price, then close the month again.",
)
SILENT = Problem("silent/edge", "source edge is silent", "It sent nothing.", "whoever", "", "Ask.", urgent=False)


class World:
    """A ledger, a webhook, and a clock that the test moves."""

    def __init__(self, engine: Engine, hook: Hook) -> None:
        self.ledger, self.hook = ProblemLedger(engine), hook
        self.channels = {"webhook": Webhook(hook.url)}
        self.now = datetime(2026, 11, 3, 8, tzinfo=UTC)

    def look(self, *found: Problem, after: timedelta = timedelta(0)) -> Told:
        self.now += after
        return tell_problems(found, self.ledger, self.channels, self.now, "https://dagster.example")

    @property
    def subjects(self) -> list[str]:
        return [sent.split("*")[1] for sent in self.hook.texts]


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with webhook() as hook:
        yield World(engine, hook)


def test_a_problem_is_told_once_however_many_looks_find_it(world: World) -> None:
    assert world.look(HELD) == Told(news=True, sent=1, failed=0)
    for _ in range(20):
        assert world.look(HELD, after=timedelta(minutes=1)) == Told(news=False, sent=0, failed=0)
    (told,) = world.hook.texts
    assert told == (
        "*flybill: 2026-10: 3 organizations held (no_price)*\n\n"
        "2026-10: 3 organizations held (no_price)\n"
        "  What happened: no price matches meter gpu_seconds\n"
        "  Affected: 3 organizations (acme, bolt, cirrus)\n"
        "  Not billed because of it: $1,234.00\n"
        "  What to do: Add the price, then close the month again.\n\n"
        "Dagster: https://dagster.example"
    )


def test_that_it_is_over_is_told_too(world: World) -> None:
    world.look(HELD)
    world.look(after=REST)
    assert world.subjects[1] == "flybill: resolved: 2026-10: 3 organizations held (no_price)"
    world.look(after=REST)
    assert len(world.subjects) == 2


def test_a_problem_that_comes_back_is_a_new_one(world: World) -> None:
    world.look(HELD)
    world.look(after=REST)
    world.look(HELD, after=REST)
    assert len(world.subjects) == 3
    assert "resolved" not in world.subjects[2]


def test_what_is_new_at_the_same_time_is_one_message(world: World) -> None:
    world.look(HELD, SILENT)
    assert world.subjects == ["flybill: 2 new problems"]
    assert "What happened: It sent nothing." in world.hook.texts[0]


def test_after_a_message_comes_a_rest_and_what_came_and_went_in_it_is_never_told(world: World) -> None:
    world.look(HELD)
    world.look(HELD, SILENT, after=timedelta(seconds=1))
    world.look(HELD, after=timedelta(seconds=1))
    world.look(HELD, after=REST)
    assert len(world.subjects) == 1


def test_what_came_in_a_rest_and_stays_is_told_after_it(world: World) -> None:
    world.look(HELD)
    world.look(HELD, SILENT, after=timedelta(seconds=1))
    world.look(HELD, SILENT, after=REST)
    assert world.subjects[1:] == ["flybill: source edge is silent"]


def test_what_is_urgent_is_told_again_every_day_with_the_numbers_of_the_day(world: World) -> None:
    world.look(HELD, SILENT)
    world.look(replace(HELD, cost="$99.00"), SILENT, after=REMINDER)
    assert world.subjects[1:] == ["flybill: 1 still open"]
    assert "Not billed because of it: $99.00" in world.hook.texts[1]
    assert "source edge" not in world.hook.texts[1]


def test_a_message_that_does_not_arrive_is_tried_again_later_and_later(world: World) -> None:
    world.hook.status = 500
    assert world.look(HELD) == Told(news=True, sent=0, failed=1)
    assert world.look(HELD, after=timedelta(seconds=59)) == Told(news=False, sent=0, failed=0)
    assert world.look(HELD, after=timedelta(seconds=1)).failed == 1
    assert world.look(HELD, after=timedelta(minutes=1)).failed == 0
    assert world.look(HELD, after=timedelta(minutes=1)).failed == 1
    (waiting,) = world.ledger.undelivered()
    assert (waiting["attempts"], waiting["error"]) == (3, "the webhook answered 500")
    world.hook.status = 200
    assert world.look(HELD, after=timedelta(minutes=4)).sent == 1
    assert world.subjects == ["flybill: 2026-10: 3 organizations held (no_price)"]
    assert world.ledger.undelivered() == []


def test_without_a_channel_nothing_counts_as_told(world: World) -> None:
    channels, world.channels = world.channels, {}
    assert world.look(HELD) == Told(news=False, sent=0, failed=0)
    assert [each["told_at"] for each in world.ledger.open_problems()] == [None]
    world.channels = channels
    assert world.look(HELD).sent == 1


def test_two_daemons_that_look_at_once_tell_it_once(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: world.look(HELD), range(8)))
    assert sum(each.sent for each in told) == len(world.subjects) == 1
