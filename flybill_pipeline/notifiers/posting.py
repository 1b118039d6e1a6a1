"""Posts some bytes and hears the beginning of the answer, whatever the other side does. What is posted: not here."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from flybill_pipeline.notifiers.hanging_up import hung_up_after

ALL_SECONDS = 10
"""For the answer, whether nothing comes or too slowly."""
READ_BYTES = 1000


class NotAnsweredError(Exception):
    """There was no answer; the message says why, without the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, the wait that was asked for, and what has come of the body so far."""

    status: int
    retry_after: str | None
    beginning: bytes


def post(url: str, content: bytes, headers: Mapping[str, str], *, read: bool = True) -> Answer:
    """The answer to a POST; a redirect is an answer like another. Raises NotAnsweredError.

    A status that has come is an answer, also when its body does not come, which is looked at only for `read`.
    """
    connections, taken = _Connections(), None
    try:
        request = Request(url, data=content, headers=dict(headers))  # noqa: S310 - checked to be http(s)
        opener = build_opener(_NoRedirects, _Http(connections), _Https(connections))
        with (
            hung_up_after(ALL_SECONDS, connections.sockets) as late,
            opener.open(request, timeout=ALL_SECONDS) as answer,
        ):
            if not late.is_set():  # else the headers may have been cut off
                taken = Answer(answer.status, None, b"")
            if read and answer.fp and taken:
                taken = replace(taken, beginning=answer.fp.read1(READ_BYTES))  # the rest may never end
    except HTTPError as error:
        error.close()
        return Answer(error.code, error.headers.get("retry-after"), b"")
    except HTTPException as error:  # among them bytes that are no HTTP
        raise NotAnsweredError(f"did not answer as one ({type(error).__name__})") from None
    except (OSError, ValueError) as error:  # ValueError: an address that is none
        if taken is not None:
            return taken
        reason = type(getattr(error, "reason", error)).__name__
        raise NotAnsweredError(f"could not be reached ({reason})") from None
    assert taken is not None  # who was late has raised
    return taken


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
