"""How bytes go to Stripe and back: kept-alive connections, shared by all threads. Belongs here: HTTP. Does not: Stripe.

On Python's own `http.client`: of the processor time that a call takes, the clients built upon it (`requests`, urllib3)
take most, for what one fixed host does not need: redirects, cookies, looking for proxies each time.
"""

import select
import socket
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe


class PooledClient(stripe.HTTPClient):
    """Sends a request once. `address` is whom it is for: an https:// one through the HTTP proxy that the environment
    names for it.

    `timeout` is in seconds, for connecting and for each wait for a byte.
    """

    name = "http.client"

    def __init__(self, address: str, timeout: float) -> None:
        super().__init__()
        self._address = urlsplit(address)
        self._timeout = timeout
        self._through = _proxy_to(self._address.hostname or "") if self._address.scheme == "https" else None
        self._idle: deque[HTTPConnection] = deque()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Read when a connection needs it: most commands ask Stripe nothing, and it takes as long as two calls."""
        return ssl.create_default_context(cafile=stripe.ca_bundle_path)

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
            content = response.read()
        except (OSError, HTTPException) as error:
            connection.close()
            said = f"{type(error).__name__} while talking to Stripe"
            raise stripe.APIConnectionError(said) from error  # type: ignore[no-untyped-call]
        self._idle.append(connection)
        return content, response.status, response.headers  # type: ignore[return-value]  # a Mapping in all that counts

    def _connection(self) -> HTTPConnection:
        """One that nobody uses: the one used last, which is open most likely, or a new one."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._new_connection()
            if connection.sock is None or not _readable(connection.sock):
                return connection
            connection.close()

    def _new_connection(self) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout)
        if self._through is None:
            return HTTPSConnection(host, port, timeout=self._timeout, context=self._context)
        proxy = urlsplit(self._through)
        connection = HTTPSConnection(
            proxy.hostname or "", proxy.port or 80, timeout=self._timeout, context=self._context
        )
        connection.set_tunnel(host, port, _login(proxy.username, proxy.password))
        return connection


def _proxy_to(host: str) -> str | None:
    return None if proxy_bypass(host) else getproxies().get("https")


def _login(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    words = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(words).decode()}"}


def _readable(sock: socket.socket) -> bool:
    """Whether something can be read where nothing is expected: the server has hung up."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
