"""A platform's endpoint of events on loopback, which keeps what it takes, and answers as it is told. No assertions."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from standardwebhooks import Webhook, webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # that of the specification's own examples


@dataclass
class Receiver:
    """What was posted. `answers` are given one after the other, 204 after them; each with more headers."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    asked: int = 0

    def events(self) -> list[dict[str, Any]]:
        """What was taken, in order, as a receiver reads it that was never behind."""
        return [read(headers, body) for headers, body in self.taken]

    def types(self) -> list[str]:
        """The types of what was taken, in order."""
        return [event["type"] for event in self.events()]


def read(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """One event by others' code: its signature by standardwebhooks, at the time that it names, the rest by cloudevents.

    Tests have clocks of their own; that a receiver of today takes a signature is one test's alone.
    """
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    with patch.object(webhooks, "datetime", wraps=datetime) as clock:
        clock.now.side_effect = lambda tz: sent_at
        Webhook(SECRET).verify(body, headers)
    event = from_structured_event(HTTPMessage(headers, body))
    return {**event.get_attributes(), "data": event.get_data()}


@contextmanager
def receiving() -> Iterator[Receiver]:
    """An endpoint for as long as the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.asked += 1
            status, more = receiver.answers.pop(0) if receiver.answers else (204, {})
            if 200 <= status < 300:
                receiver.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events/very-secret"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
