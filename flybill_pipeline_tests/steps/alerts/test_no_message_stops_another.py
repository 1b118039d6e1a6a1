"""A message that cannot be sent and a channel that is broken stop no other; what is given up is told by who is left."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.alerts.deliveries import MOST_ATTEMPTS
from flybill_pipeline.billing.alerts.problems import MOST_TOLD, Message, News, Problem, body, subject
from flybill_pipeline.steps.alerts.tell_problems import (
    REMEMBERED,
    REST,
    TOLD_AFTER,
    TURN_SECONDS,
    Channel,
    Told,
    tell_problems,
)
from flybill_pipeline.stores.alerts.ledger import ProblemLedger
from flybill_pipeline_tests.worlds.effort import examples

HELD = Problem("held/2026-10/no_price", "2026-10: 3 organizations held", "no price", "acme", "$1.00", "Add the price.")


@dataclass
class Good:
    """A channel that takes everything."""

    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> str | None:
        self.got.append(message)
        return None


@dataclass
class Broken:
    """A channel that takes nothing: it answers with a reason, or it raises."""

    error: str | Exception
    tried: int = 0

    def send(self, _message: Message) -> str | None:
        self.tried += 1
        if isinstance(self.error, Exception):
            raise self.error
        return self.error


class World:
    """A ledger, channels, and clocks that the test moves."""

    def __init__(self, engine: Engine, **channels: Channel) -> None:
        self.ledger = ProblemLedger(engine)
        self.channels = channels
        self.now = datetime(2026, 11, 3, 8, tzinfo=UTC)
        self.seconds = 0.0

    def look(self, *problems: Problem, after: timedelta = REST) -> Told:
        self.now += after
        return tell_problems(problems, self.ledger, self.channels, self.now, clock=lambda: self.seconds)


@pytest.mark.parametrize("error", ["the webhook answered 500", ValueError("hush"), RuntimeError("hush"), KeyError(1)])
def test_a_channel_that_fails_in_any_way_leaves_the_other_its_messages(engine: Engine, error: str | Exception) -> None:
    good, broken = Good(), Broken(error)
    world = World(engine, a=broken, b=good)
    assert world.look(HELD) == Told(news=True, sent=1, failed=1)
    assert len(good.got) == broken.tried == 1
    (waiting,) = world.ledger.undelivered()
    assert "hush" not in waiting["error"]


def test_a_message_that_cannot_be_made_leaves_the_later_ones_theirs(engine: Engine) -> None:
    class Picky(Good):
        def send(self, message: Message) -> str | None:
            if "first" in message.subject:
                raise ValueError
            return super().send(message)

    picky = Picky()
    world = World(engine, a=picky)
    world.look(replace(HELD, key="1", title="first"))
    world.look(replace(HELD, key="1", title="first"), replace(HELD, key="2", title="second"))
    assert [message.subject for message in picky.got] == ["flybill: second"]


def test_a_message_is_tried_for_days_then_given_up_and_the_other_channel_tells_so(engine: Engine) -> None:
    good, broken = Good(), Broken("the webhook answered 404")
    world = World(engine, a=broken, b=good)
    world.look(HELD)
    for _ in range(TOLD_AFTER - 1):
        world.look(HELD, after=timedelta(hours=1))
    world.look(HELD, after=timedelta(hours=1))
    assert good.got[-1].subject == "flybill: alerts do not arrive by a"
    assert "the webhook answered 404" in good.got[-1].body
    for _ in range(MOST_ATTEMPTS):
        world.look(HELD, after=timedelta(hours=1))
    given_up = world.ledger.troubled_channels(world.now - REMEMBERED, TOLD_AFTER, MOST_ATTEMPTS)
    assert given_up[0].given_up >= 1
    tried = max(row["attempts"] for row in world.ledger.undelivered())
    assert tried == MOST_ATTEMPTS
    for _ in range(3):
        world.look(HELD, after=timedelta(hours=1))
    assert max(row["attempts"] for row in world.ledger.undelivered()) == MOST_ATTEMPTS


def test_when_a_channel_works_again_what_waits_is_sent_and_the_trouble_is_over(engine: Engine) -> None:
    good = Good()
    world = World(engine, a=Broken("no"), b=good)
    for _ in range(TOLD_AFTER + 2):
        world.look(HELD, after=timedelta(hours=1))
    world.channels = {"a": Good(), "b": good}
    world.look(HELD, after=timedelta(hours=1))
    world.look(HELD, after=timedelta(hours=1))
    assert good.got[-1].subject == "flybill: resolved: alerts do not arrive by a"
    assert world.ledger.undelivered() == []


def test_a_slow_channel_takes_its_turn_and_no_more_of_a_look(engine: Engine) -> None:
    good = Good()
    world = World(engine, b=good)

    class Slow(Broken):
        def send(self, message: Message) -> str | None:
            world.seconds += TURN_SECONDS / 2
            return super().send(message)

    world.channels = {"a": Slow("too late"), "b": good}
    for number in range(5):
        world.look(*[replace(HELD, key=str(n)) for n in range(number + 1)])
    world.channels["a"] = slow = Slow("too late")
    told = world.look(*[replace(HELD, key=str(n)) for n in range(6)], after=timedelta(days=1))
    assert (slow.tried, told.sent) == (2, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(30), deadline=None)
@given(
    st.lists(
        st.text(st.one_of(st.characters(), st.sampled_from("\0\r\n\ud800\u202e")), max_size=40), min_size=6, max_size=6
    )
)
def test_no_text_of_a_problem_stops_it_or_another_from_being_told(engine: Engine, texts: list[str]) -> None:
    with engine.begin() as connection:
        connection.execute(text("truncate flybill.problems, flybill.alert_outbox"))
    good = Good()
    world = World(engine, a=good)
    key, title, what, who, cost, remedy = texts
    odd = Problem(key, title, what, who, cost, remedy)
    long = Problem("long" * 3000, "é" * 20_000, "x" * 100_000, "w", "", "r")
    assert world.look(odd, replace(odd, cost="again"), long, HELD).sent == 1
    assert good.got[0].subject.isprintable()
    assert len(good.got[0].body) < 10_000
    assert len(world.ledger.open_problems()) == 3


def test_a_message_of_very_many_problems_is_short_enough_to_be_taken() -> None:
    many = [replace(HELD, key=str(number), what="x" * 1000) for number in range(500)]
    told = body(News(many, [], many), "https://dagster.example")
    assert len(told) < 40_000  # what Slack takes
    assert f"And {1000 - MOST_TOLD} more" in told
    assert told.endswith("Dagster: https://dagster.example")
    assert len(subject(News(many, [], many))) < 200
