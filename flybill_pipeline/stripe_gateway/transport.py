"""How bytes go to Stripe and back: kept-alive connections, shared by all threads. Belongs here: HTTP. Does not: Stripe.

On Python's own `http.client`: of the processor time that a call takes, the clients built upon it (`requests`, urllib3)
take most, for what one fixed host does not need (docs/decisions, on libraries). Whatever stands in Stripe's place and
whatever it sends, a call ends in bounded time and memory, and no answer is taken for that of another call.
"""

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from functools import cached_property, partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.parse import urlsplit

import stripe

from flybill_pipeline.stripe_gateway.way_there import NO_PROXY_OF_OURS, proxy_to, trusted, why_closed

LONGEST_CALL = 3
"""Times the wait for a byte: then a call has no answer, however steadily bytes arrive."""
LARGEST_ANSWER = 32 * 2**20
"""Bytes. A page of a hundred invoices with ten lines each has some two million."""


class PooledClient(stripe.HTTPClient):
    """Sends a request once. `address` is whom it is for: an https:// one through the HTTP proxy that the environment
    names for it.

    `timeout` is in seconds, for connecting and for each wait for a byte; a whole answer may take `LONGEST_CALL` of it.
    """

    name = "http.client"

    def __init__(self, address: str, timeout: float) -> None:
        super().__init__()
        self._address = urlsplit(address)
        self._timeout = timeout
        self._idle: deque[HTTPConnection] = deque()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Read when a connection needs it: most commands ask Stripe nothing, and it takes as long as two calls."""
        return trusted()

    def request(  # type: ignore[override]  # the library hands it to a decoder that wants bytes
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """The body, status and headers of the answer. Raises APIConnectionError when there was none, or half of one."""
        target = url[url.index(self._address.netloc) + len(self._address.netloc) :]
        body = None if post_data is None else post_data.encode()
        connection = self._connection()
        try:
            connection.request(method.upper(), target, body, headers or {})
            response = connection.getresponse()
            content = _whole_body(response)
            _require_same_key(headers or {}, response.headers)
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            raise _no_answer(f"{type(error).__name__} while talking to Stripe", why_closed(error)) from None
        self._idle.append(connection)
        return content, response.status, response.headers  # type: ignore[return-value]  # a Mapping in all that counts

    def _connection(self) -> HTTPConnection:
        """One that nobody uses: the one used last, which is open most likely, or a new one."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._timed(self._new_connection())
            if connection.sock is None or not _readable(connection.sock):
                return self._timed(connection)
            connection.close()

    def _timed(self, connection: HTTPConnection) -> HTTPConnection:
        """The connection with the time from which on its next answer is too late."""
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout)
        end = time.monotonic() + LONGEST_CALL * self._timeout
        connection.response_class = partial(_Answer, wait=self._timeout, end=end)  # type: ignore[assignment]
        return connection

    def _new_connection(self) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout)
        try:
            proxy = proxy_to(host)
        except ValueError:  # whose words may be those of its password
            raise _no_answer("https_proxy names no HTTP proxy", NO_PROXY_OF_OURS) from None
        if proxy is None:
            return HTTPSConnection(host, port, timeout=self._timeout, context=self._context)
        connection = HTTPSConnection(proxy.host, proxy.port, timeout=self._timeout, context=self._context)
        connection.set_tunnel(host, port, proxy.headers)
        return connection


class _Answer(HTTPResponse):
    """An answer that waits at most `wait` seconds for each byte, and reads none after `end`."""

    def __init__(self, sock: socket.socket, *arguments: Any, wait: float, end: float, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp = BufferedReader(_Bytes(sock, self.fp, wait, end))


class _Bytes(RawIOBase):
    """What arrives at a socket, until it is too late."""

    def __init__(self, sock: socket.socket, opened: BufferedReader, wait: float, end: float) -> None:
        self._sock, self._opened, self._wait, self._end = sock, opened, wait, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, self._wait))
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._opened.close()  # the socket lives for as long as this is open, though the connection may be closed
        super().close()


def _whole_body(response: HTTPResponse) -> bytes:
    if response.status < 200:  # not the answer yet, as http.client takes it to be; what follows it would be the next's
        raise HTTPException
    content = response.read(LARGEST_ANSWER + 1)
    if response.length or len(content) > LARGEST_ANSWER:
        raise HTTPException
    return content


def _require_same_key(sent: Mapping[str, str], answered: HTTPMessage) -> None:
    """Stripe tells with which key it was asked; another one is the answer to another call."""
    if answered.get("Idempotency-Key") not in (None, sent.get("Idempotency-Key")):
        raise HTTPException


def _no_answer(sentence: str, code: str | None) -> stripe.APIConnectionError:
    """Without its cause, whose words may be those of a header: the key."""
    return stripe.APIConnectionError(sentence, code=code)  # type: ignore[no-untyped-call]


def _readable(sock: socket.socket) -> bool:
    """Whether something can be read where nothing is expected: the server has hung up."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
