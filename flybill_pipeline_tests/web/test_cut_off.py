"""Who sends slowly, or hangs up while sending: nothing is set by what came, nobody waits for it, no log tells of it."""

import logging
import socket
import time

import pytest

from flybill_pipeline.web import budget_form
from flybill_pipeline_tests.web.conftest import Served
from flybill_pipeline_tests.web.test_budgets import FORM, JSON, PATH, budgets


def begun(served: Served, kind: str, body: bytes, more: int) -> socket.socket:
    """A connection on which so many bytes are still to come."""
    token = served.links.make("acme", 1, served.site.tools.now())
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: {JSON}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body) + more}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    connection.sendall(head.encode() + body)
    return connection


def test_who_does_not_finish_is_answered_and_sets_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget_form, "SENT_SECONDS", 0.2)
    for kind, body in ((FORM, b"amount=2"), (JSON, b'{"amount": 2')):
        with begun(served, kind, body, more=2) as connection:
            answer = connection.makefile("rb").read()  # to its end: the connection is not kept
        assert answer.startswith(b"HTTP/1.1 422 ")
    assert budgets(served) == []


def test_who_hangs_up_sets_nothing_and_is_no_failure_of_ours(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "propagate", True)
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    begun(served, FORM, b"amount=2", more=2).close()
    time.sleep(0.5)
    assert served.browser("acme").get("/orgs/acme").status == 200
    logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    assert caplog.records == []
    assert budgets(served) == []


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html;q=0, application/json", JSON),
        ("application/json, text/html; q=0.000", JSON),
        ("text/html;q=0.1, application/json", "text/html; charset=utf-8"),
        ("application/json;q=0", "text/html; charset=utf-8"),
    ],
)
def test_what_is_refused_by_name_is_not_sent(served: Served, accept: str, kind: str) -> None:
    assert served.browser("acme").get("/orgs/acme", Accept=accept).headers["content-type"] == kind
