"""Connections that cannot be held open: each brings one whole request in bounded time, or is cut. Knows no application.

The server itself bounds only the wait between requests: who sends a header or a body byte by byte would keep a
connection for as long as it likes, and with some of them all that there are.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST = 10.0
"""Seconds from the first byte of a connection to the last one of its request."""
MOST_CONNECTIONS = 500
"""At once; who comes on top is told to try again later."""


class OneRequest(H11Protocol):
    """A connection, cut when its request has not arrived as a whole in time. Answers are to close it."""

    longest = LONGEST
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.longest, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _cut(self) -> None:
        if self.cycle is None or self.cycle.more_body:
            self.transport.abort()
