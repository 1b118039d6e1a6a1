"""Posts a message to a webhook as Slack and its like read it. The address is a secret: it is in no error."""

import json
import re
import socket
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from flybill_pipeline.billing.alerts.plain import plain, plain_lines
from flybill_pipeline.billing.alerts.problems import Message
from flybill_pipeline.notifiers.hanging_up import hung_up_after

WAIT_SECONDS, ALL_SECONDS = 5, 10
"""For a byte, and for the whole conversation."""
READ_BYTES = 1000
PAGE = re.compile(rb"(?:[0-9a-fA-F]+\r\n)?\s*<")
"""The beginning of an HTML or XML body, be it in chunks."""
NOT_A_MENTION = "\u200b"
"""Stands after an @ and between brackets: nobody sees it, and nobody is called, nothing linked."""


class Webhook:
    """A Slack-compatible incoming webhook."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> str | None:
        """Posts `{"text": …}`; returns why it was not taken, None when it was."""
        text = f"*{escaped(plain(message.subject))}*\n\n{escaped(plain_lines(message.body))}"
        content = json.dumps({"text": text}).encode()
        headers = {"content-type": "application/json", "user-agent": "flybill"}
        try:
            return self._post(Request(self._url, data=content, headers=headers))  # noqa: S310 - checked to be http(s)
        except HTTPError as error:
            error.close()
            return f"the webhook answered {error.code}{' (it has moved)' if 300 <= error.code < 400 else ''}"
        except HTTPException as error:  # among them bytes that are no HTTP
            return f"the webhook did not answer as one ({type(error).__name__})"
        except (OSError, ValueError) as error:  # ValueError: an address that is none
            return f"the webhook could not be reached ({type(getattr(error, 'reason', error)).__name__})"

    def _post(self, request: Request) -> str | None:
        connections = _Connections()
        with (
            hung_up_after(ALL_SECONDS, connections.sockets),
            build_opener(_NoRedirects, _Http(connections), _Https(connections)).open(
                request, timeout=WAIT_SECONDS
            ) as answer,
        ):
            arrived = answer.fp.read1(READ_BYTES) if answer.fp else b""  # what has come so far; the rest may never end
        return "the webhook answered with a page: something else is at its address" if PAGE.match(arrived) else None


def escaped(text: str) -> str:
    """Foreign text in a message in which `<…>`, `@…`, `[…](…)` and backquotes would mean something."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return re.sub(r"@(?=\w)|\](?=[(\[])", lambda match: match[0] + NOT_A_MENTION, text)


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
