"""What is pushed over real HTTP: kept once when Stripe signed it, refused without a reason when not."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import stripe
import uvicorn
from sqlalchemy import select

from flybill_pipeline.serving.one_request import OneRequest
from flybill_pipeline.serving.webhooks import LARGEST_BODY, configured, receiver
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.payments.tables import unread_events
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.chaos.conftest import world
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.payments import Account

__all__ = ["world"]
SECRET = "whsec_test"


class Impatient(OneRequest):
    """The same in a test, where waiting takes time."""

    longest = 0.5


class Hook:
    """The receiver on a port of its own, and messages as Stripe, or somebody else, would send them."""

    def __init__(self, account: Account, port: int) -> None:
        self.account = account
        self.port = port
        self._url = f"http://127.0.0.1:{port}/"

    def events(self) -> list[dict[str, Any]]:
        """All events of the account, the newest first."""
        listed = self.account.stripe.raw_request("get", "/v1/events", limit=100).data
        return list(listed["data"])

    def send(
        self, event: Any, *, secret: str = SECRET, age: int = 0, signature: str | None = None, answer: str = ""
    ) -> int:
        """Pushes an event, signed `age` seconds ago; the status of the answer."""
        payload = event if isinstance(event, str) else json.dumps(event)
        at = int(time.time()) - age
        signature = signature or stripe.WebhookSignature.generate_signature_header(payload, secret, at)
        return self.post(payload.encode(), {"Stripe-Signature": signature}, answer)

    def post(self, body: bytes, headers: dict[str, str], says: str = "") -> int:
        request = urllib.request.Request(self._url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.read() == b""
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            assert refused.read() == says.encode()
            return refused.code


@pytest.fixture
def hook(world: World) -> Iterator[Hook]:
    url = world.engine.url.render_as_string(hide_password=False)
    tools = build_toolbox(load_settings({"FLYBILL_DATABASE_URL": url}))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(configured(receiver(tools, SECRET, live=False), 0, Impatient))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Hook(Account(world), listener.getsockname()[1])
    server.should_exit = True
    thread.join()
    tools.close()


def test_a_pushed_payment_is_seen_at_once_and_not_again_by_the_poll(hook: Hook) -> None:
    account = hook.account
    ids = account.bill(2)
    account.read()
    account.pay(ids[0])
    for event in [*hook.events(), *hook.events()]:
        assert hook.send(event) == 200
    assert account.month().states == {"open": 1, "paid": 1}
    account.control(f"invoices/{ids[0]}/dispute")
    assert hook.send(hook.events()[0]) == 200
    assert account.month().states == {"disputed": 1, "open": 1}
    report = account.read()
    assert (report.kept.new, report.kept.not_ours) == (1, 0)  # the other event of the dispute


def test_a_dispute_of_a_payment_that_was_never_seen_is_left_to_the_poll(hook: Hook) -> None:
    account = hook.account
    ids = account.bill(1)
    account.read()
    account.pay(ids[0])
    account.control(f"invoices/{ids[0]}/dispute")
    before = account.payments.counts()
    assert hook.send(hook.events()[0]) == 200
    assert account.payments.counts() == before
    account.read()
    assert account.month().states == {"disputed": 1}


def test_what_stripe_did_not_sign_is_refused_and_leaves_nothing(hook: Hook) -> None:
    account = hook.account
    account.pay(account.bill(1)[0])
    event = next(event for event in hook.events() if event["type"] == "invoice.paid")
    good = stripe.WebhookSignature.generate_signature_header(json.dumps(event), SECRET)
    tampered = event | {"id": "evt_other"}
    assert hook.send(event, secret="whsec_wrong") == 400
    assert hook.send(tampered, signature=good) == 400
    assert hook.send(event, age=310) == 400
    assert hook.send(event, age=-310) == 400  # signed in the future: it could be kept until its time comes
    assert hook.send(event, signature="t=1,v1=ÿ") == 400
    assert hook.send(event, signature="nonsense") == 400
    assert hook.post(json.dumps(event).encode(), {}) == 400
    assert hook.post(b"\xff\xfe", {"Stripe-Signature": good}) == 400
    assert account.payments.counts() == (0, 0)
    assert hook.send(event, signature=good) == 200
    assert hook.send(event, signature=good) == 200  # sent again: known
    assert account.payments.counts() == (1, 0)


def test_what_is_of_no_interest_is_taken_and_forgotten(hook: Hook) -> None:
    account = hook.account
    account.pay(account.bill(1)[0])
    event = next(event for event in hook.events() if event["type"] == "invoice.paid")
    assert hook.send(event | {"type": "invoice.created"}) == 200
    assert (account.payments.counts(), unread(account)) == ((0, 0), {})
    assert hook.post(b"x" * (LARGEST_BODY + 1), {"Stripe-Signature": "t=1,v1=x"}) == 413


def unread(account: Account) -> dict[str, str]:
    """What was not read: the type and the reason of each, by its id."""
    with account.world.engine.connect() as connection:
        return {row.event_id: f"{row.kind}: {row.reason}" for row in connection.execute(select(unread_events))}


def test_what_stripe_signed_and_nobody_can_read_is_taken_and_kept_by_its_name(hook: Hook) -> None:
    account = hook.account
    account.pay(account.bill(1)[0])
    event = next(event for event in hook.events() if event["type"] == "invoice.paid")
    thin = {"id": "evt_thin", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered"}
    odd = event | {"id": "evt_odd", "data": {"object": {"object": "invoice"}}}
    for other in (thin, odd, odd, {"object": "event"}, "7", "[]", '{"id": "\\u0000", "type": 5}', "[" * 100_000):
        assert hook.send(other) == 200, str(other)[:40]
    assert account.payments.counts() == (0, 0)
    kept = unread(account)
    assert kept["evt_odd"] == "invoice.paid: its object cannot be read"
    assert "thin event" in kept["evt_thin"]
    assert sorted(kept.values())[:5] == [": no event"] * 5
    assert len(kept) == 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"livemode": True}, "not an event of test mode, which this endpoint is for"),
        ({"account": "acct_of_another"}, "an event of another account"),
    ],
)
def test_what_is_of_another_mode_or_account_is_refused_with_the_reason(
    hook: Hook, change: dict[str, Any], reason: str
) -> None:
    account = hook.account
    account.pay(account.bill(1)[0])
    event = next(event for event in hook.events() if event["type"] == "invoice.paid")
    assert hook.send(event | change, answer=reason) == 403
    assert account.payments.counts() == (0, 0)
    assert unread(account) == {event["id"]: f"invoice.paid: {reason}"}


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST / HTT",
        b"POST / HTTP/1.1\r\nHost: x\r\nStripe-Sig",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
def test_who_sends_slowly_is_cut(hook: Hook, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", hook.port)) as connection:
        connection.settimeout(10)
        began = time.monotonic()
        connection.sendall(begun)
        for _ in range(8):  # a byte now and then does not help
            time.sleep(0.1)
            with suppress(OSError):
                connection.sendall(b"x" if begun else b"P")
        with suppress(ConnectionError):
            while connection.recv(4096):
                pass
        assert time.monotonic() - began < 5


def test_a_connection_is_for_one_message(hook: Hook) -> None:
    with socket.create_connection(("127.0.0.1", hook.port)) as connection:
        connection.settimeout(10)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_database_that_is_away_is_no_answer_that_counts(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flybill_pipeline.stores.payments.intake.PaymentIntake.push", lambda *_: False)
    hook.account.pay(hook.account.bill(1)[0])
    event = next(event for event in hook.events() if event["type"] == "invoice.paid")
    assert hook.send(event) == 503
