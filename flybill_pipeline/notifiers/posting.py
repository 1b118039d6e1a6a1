"""Posts some bytes and hears the beginning of the answer, whatever the other side does. What is posted: not here."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from flybill_pipeline.notifiers.hanging_up import hung_up_after

WAIT_SECONDS, ALL_SECONDS = 5, 10
"""For a byte, and for the whole conversation."""
READ_BYTES = 1000


class NotAnsweredError(Exception):
    """There was no answer; the message says why, without the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, the wait that was asked for, and what has come of the body so far."""

    status: int
    retry_after: str | None
    beginning: bytes


def post(url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
    """The answer to a POST; a redirect is an answer like another. Raises NotAnsweredError."""
    connections = _Connections()
    try:
        request = Request(url, data=content, headers=dict(headers))  # noqa: S310 - checked to be http(s)
        opener = build_opener(_NoRedirects, _Http(connections), _Https(connections))
        with (
            hung_up_after(ALL_SECONDS, connections.sockets),
            opener.open(request, timeout=WAIT_SECONDS) as answer,
        ):
            arrived = answer.fp.read1(READ_BYTES) if answer.fp else b""  # the rest may never end
            return Answer(answer.status, None, arrived)
    except HTTPError as error:
        error.close()
        return Answer(error.code, error.headers.get("retry-after"), b"")
    except HTTPException as error:  # among them bytes that are no HTTP
        raise NotAnsweredError(f"did not answer as one ({type(error).__name__})") from None
    except (OSError, ValueError) as error:  # ValueError: an address that is none
        reason = type(getattr(error, "reason", error)).__name__
        raise NotAnsweredError(f"could not be reached ({reason})") from None


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer like another: followed, a POST would become a GET without the message in it."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Connections:
    """The connections of one conversation, be they with a proxy."""

    def __init__(self) -> None:
        self._made: list[HTTPConnection] = []

    def http(self, host: str, **more: Any) -> HTTPConnection:
        self._made.append(HTTPConnection(host, **more))
        return self._made[-1]

    def https(self, host: str, **more: Any) -> HTTPConnection:
        self._made.append(HTTPSConnection(host, **more))
        return self._made[-1]

    def sockets(self) -> list[socket.socket | None]:
        return [connection.sock for connection in self._made]


class _Http(HTTPHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def http_open(self, request: Request) -> HTTPResponse:
        return self.do_open(self._connections.http, request)


class _Https(HTTPSHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def https_open(self, request: Request) -> HTTPResponse:
        return self.do_open(self._connections.https, request)
