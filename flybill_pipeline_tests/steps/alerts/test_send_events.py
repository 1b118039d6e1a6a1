"""Events reach the platform in order, each until it is taken: a receiver that fails, is slow, or answers nonsense."""

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from standardwebhooks import Webhook, WebhookVerificationError

from flybill_pipeline.billing.alerts.deliveries import MOST_ATTEMPTS
from flybill_pipeline.billing.alerts.events import Event, Happened
from flybill_pipeline.notifiers import posting
from flybill_pipeline.notifiers.event_endpoint import EventEndpoint
from flybill_pipeline.steps.alerts.find_undelivered import find_undelivered
from flybill_pipeline.steps.alerts.send_events import KEPT, LEASE, Platform, Sent, send_events
from flybill_pipeline.stores.alerts.events import Events
from flybill_pipeline_tests.worlds.receiver import SECRET, Receiver, receiving
from flybill_pipeline_tests.worlds.talking import after_request, for_ever, talking

OTHER_SECRET = "whsec_" + "bmV3" * 8


class Nobody:
    """An outbox with nothing in it."""

    def troubled(self, _since: datetime, _attempts: int) -> None:
        return None


NOBODY = Nobody()


class Sending:
    """An outbox on a database, a platform, and a clock that stands still until it is set."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.outbox = Events(engine)
        self.now = datetime.now(UTC)
        self.platform: Platform | None = self.at(url)
        self.count = 0

    def at(self, url: str, *secrets: str) -> Platform:
        return Platform(EventEndpoint(url, " ".join(secrets or [SECRET])), "https://billing.example/", data_of)

    def happened(self, org: str = "acme", name: str | None = None) -> None:
        self.count += 1
        subject = name or f"{org}/{self.count}"
        fact = {"number": self.count, "name": "Söhne \u202e <b>"}
        self.outbox.note([Happened("invoice.finalized", org, "2026-10", subject, fact, self.now)])

    def send(self, after: timedelta = timedelta(0)) -> Sent:
        self.now += after
        return send_events(self.outbox, self.platform, lambda: self.now)


def data_of(event: Event) -> Mapping[str, Any]:
    return {"org_id": event.org_id, **event.fact}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def sending(engine: Engine, receiver: Receiver) -> Sending:
    return Sending(engine, receiver.url)


def numbers(receiver: Receiver) -> list[int]:
    return [event["data"]["number"] for event in receiver.events()]


def states(sending: Sending) -> list[str]:
    return [event.state for event in reversed(sending.outbox.all())]


def test_a_receiver_of_today_verifies_and_reads_an_event(sending: Sending, receiver: Receiver) -> None:
    sending.happened()
    assert sending.send() == Sent(delivered=1)
    ((headers, body),) = receiver.taken
    assert Webhook(SECRET).verify(body, headers)["id"] == headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"acme", b"bolt"), headers)
    (event,) = receiver.events()
    assert (
        event
        | {
            "specversion": "1.0",
            "source": "https://billing.example/",
            "type": "invoice.finalized",
            "subject": "acme",
            "time": sending.now,
            "data": {"org_id": "acme", "number": 1, "name": "Söhne \u202e <b>"},
        }
        == event
    )
    assert body.isascii()


def test_with_two_secrets_either_verifies(sending: Sending, receiver: Receiver) -> None:
    sending.platform = sending.at(receiver.url, OTHER_SECRET, SECRET)
    sending.happened()
    sending.send()
    ((headers, body),) = receiver.taken
    for secret in (SECRET, OTHER_SECRET):
        Webhook(secret).verify(body, headers)


def test_what_fails_holds_back_its_organization_alone_and_comes_in_order(sending: Sending, receiver: Receiver) -> None:
    for org in ("acme", "acme", "bolt", "bolt", "acme"):
        sending.happened(org)
    receiver.answers = [(500, {})]
    assert sending.send() == Sent(delivered=2, failed=1)
    assert numbers(receiver) == [3, 4]
    assert sending.send(timedelta(seconds=59)) == Sent()
    assert sending.send(timedelta(seconds=1)) == Sent(delivered=3)
    assert numbers(receiver) == [3, 4, 1, 2, 5]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503])
def test_every_answer_but_a_good_one_is_a_failure(sending: Sending, receiver: Receiver, status: int) -> None:
    sending.happened()
    receiver.answers = [(status, {"location": f"{receiver.url}/moved"})]
    assert sending.send() == Sent(failed=1)
    (event,) = sending.outbox.all()
    assert (event.status, event.attempts, receiver.asked) == (status, 1, 1)
    assert f"the receiver answered {status}" in str(event.error)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("600", timedelta(minutes=10)),
        ("5", timedelta(minutes=1)),
        ("999999", timedelta(hours=1)),
        ("9" * 400, timedelta(minutes=1)),
        ("-5", timedelta(minutes=1)),
        ("Wed, 21 Oct 2026 07:28:00 GMT", timedelta(minutes=1)),
    ],
)
def test_the_wait_that_a_receiver_asks_for_is_kept_within_bounds(
    sending: Sending, receiver: Receiver, asked: str, waits: timedelta
) -> None:
    sending.happened()
    receiver.answers = [(429, {"retry-after": asked})]
    sending.send()
    assert sending.send(waits - timedelta(seconds=1)) == Sent()
    assert sending.send(timedelta(seconds=1)) == Sent(delivered=1)


def test_waits_grow_and_an_event_is_given_up_after_days_and_lets_the_next_go(
    sending: Sending, receiver: Receiver
) -> None:
    sending.happened()
    sending.happened()
    began, receiver.answers = sending.now, [(500, {})] * MOST_ATTEMPTS
    while sending.outbox.all(states=["given_up"]) == []:
        sending.send(timedelta(hours=1))
    assert timedelta(days=3) < sending.now - began < timedelta(days=4)
    assert numbers(receiver) == [2]
    assert states(sending) == ["given_up", "delivered"]


def test_who_has_mended_the_receiver_need_not_wait(sending: Sending, receiver: Receiver) -> None:
    for _ in range(2):
        sending.happened()
    receiver.answers = [(500, {})] * 4
    for _ in range(4):
        sending.send(timedelta(hours=1))
    assert (sending.send(), sending.outbox.waiting()) == (Sent(), 2)
    sending.outbox.hurry()
    assert (sending.send(), numbers(receiver), sending.outbox.waiting()) == (Sent(delivered=2), [1, 2], 0)


def test_killed_after_the_receiver_took_it_the_same_event_is_sent_again(sending: Sending, receiver: Receiver) -> None:
    sending.happened()
    (event,) = sending.outbox.take_due(sending.now, sending.now + LEASE, 10)
    assert sending.platform is not None
    sending.outbox.keep_data(event, {"number": 1})
    assert sending.send() == Sent()  # it is another sender's, as far as anybody knows
    assert sending.send(LEASE) == Sent(delivered=1)
    sending.outbox.replay(org_ids=["acme"])
    sending.send()
    (first, first_body), (second, second_body) = receiver.taken
    assert (first["webhook-id"], first_body) == (second["webhook-id"], second_body)


def test_of_two_senders_at_once_each_event_is_one_senders(sending: Sending, receiver: Receiver) -> None:
    for number in range(30):
        sending.happened(f"org{number % 3}")
    threads = [threading.Thread(target=sending.send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sending.send()
    assert sorted(numbers(receiver)) == list(range(1, 31))
    for org in range(3):
        mine = [event["data"]["number"] for event in receiver.events() if event["subject"] == f"org{org}"]
        assert mine == sorted(mine)


@pytest.mark.parametrize(
    "talk",
    [
        after_request(b"\x00\xff nonsense \r\n\r\n"),
        after_request(b""),
        for_ever(b"x", b"HTTP/1.1 200 OK\r\nX: ", every=0.01),
        for_ever(b"", every=0.05),
        after_request(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + b"X: y\r\n" * 1000 + b"\r\n"),
    ],
)
def test_a_receiver_that_talks_nonsense_or_for_ever_is_a_failure_in_seconds(
    engine: Engine, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "ALL_SECONDS", 0.4)
    with talking(talk) as port:
        sending = Sending(engine, f"http://127.0.0.1:{port}/very-secret")
        sending.happened()
        assert sending.send() == Sent(failed=1)
    (event,) = sending.outbox.all()
    assert event.status is None
    assert "secret" not in str(event.error)


def test_a_body_without_end_is_not_read(engine: Engine) -> None:
    with talking(for_ever(b"x" * 1000, b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        sending = Sending(engine, f"http://127.0.0.1:{port}/")
        sending.happened()
        assert sending.send() == Sent(delivered=1)


def test_a_receiver_that_does_not_answer_is_left_alone_for_the_rest_of_the_look(engine: Engine) -> None:
    sending = Sending(engine, "http://127.0.0.1:9/")
    for number in range(10):
        sending.happened(f"org{number}")
    assert sending.send() == Sent(failed=3)
    with receiving() as receiver:
        sending.platform = sending.at(receiver.url)
        assert sending.send() == Sent(delivered=7)
        assert sending.send(timedelta(minutes=1)) == Sent(delivered=3)


@pytest.mark.parametrize(("status", "asked"), [(429, 3), (502, 3), (503, 3), (504, 3), (400, 10), (500, 10)])
def test_a_receiver_that_has_too_much_to_do_is_left_alone_for_the_rest_of_the_look(
    sending: Sending, receiver: Receiver, status: int, asked: int
) -> None:
    for number in range(10):
        sending.happened(f"org{number}")
    receiver.answers = [(status, {})] * 10
    assert (sending.send(), receiver.asked) == (Sent(failed=asked), asked)
    receiver.answers = []
    assert sending.send() == Sent(delivered=10 - asked)


def test_an_event_that_cannot_be_made_holds_back_nobody_else(sending: Sending, receiver: Receiver) -> None:
    sending.happened("acme")
    sending.happened("bolt")
    sending.happened("acme")
    assert sending.platform is not None

    def broken(event: Event) -> Mapping[str, Any]:
        if event.org_id == "acme":
            raise KeyError("very-secret")
        return data_of(event)

    sending.platform = Platform(sending.platform.endpoint, "x", broken)
    assert sending.send() == Sent(delivered=1, failed=1)
    assert [event.error for event in sending.outbox.all(["acme"])] == [None, "this event could not be made (KeyError)"]


def test_the_same_is_noted_once(sending: Sending, receiver: Receiver) -> None:
    for _ in range(3):
        sending.happened(name="one")
    assert sending.send() == Sent(delivered=1)


def test_events_are_sent_again_by_command_and_forgotten_after_ninety_days(sending: Sending, receiver: Receiver) -> None:
    sending.happened()
    sending.send()
    (event,) = sending.outbox.all()
    assert sending.outbox.replay() == 0
    assert sending.outbox.replay([event.event_id]) == 1
    assert sending.send() == Sent(delivered=1)
    assert sending.outbox.all()[0].replays == 1
    assert sending.send(KEPT - timedelta(days=1)) == Sent()
    assert len(sending.outbox.all()) == 1
    sending.send(timedelta(days=2))
    assert sending.outbox.all() == []


def test_an_operator_hears_of_a_receiver_that_takes_nothing_for_an_hour(sending: Sending, receiver: Receiver) -> None:
    sending.happened()
    sending.happened()
    receiver.answers = [(500, {})] * 6
    for number in range(6):
        assert list(find_undelivered(sending.outbox, NOBODY, sending.now)) == [], number
        sending.send(timedelta(hours=1))
    (problem,) = find_undelivered(sending.outbox, NOBODY, sending.now)
    assert (problem.title, problem.what) == (
        "2 events wait for the platform",
        "Of the last try: the receiver answered 500. 0 were given up.",
    )
    sending.send(timedelta(hours=1))
    assert list(find_undelivered(sending.outbox, NOBODY, sending.now)) == []


def test_without_an_address_nothing_is_sent_and_what_is_young_waits(sending: Sending) -> None:
    platform, sending.platform = sending.platform, None
    sending.happened()
    assert sending.send() == Sent()
    sending.platform = platform
    assert sending.send() == Sent(delivered=1)


def test_a_body_is_the_same_in_every_attempt(sending: Sending, receiver: Receiver) -> None:
    receiver.answers = [(500, {})]
    sending.happened()
    sending.send()
    (event,) = sending.outbox.all()
    sending.platform = Platform(sending.at(receiver.url).endpoint, "https://billing.example/", lambda _: {"other": 1})
    sending.send(timedelta(minutes=1))
    ((_, body),) = receiver.taken
    assert json.loads(body)["data"] == event.data
