"""Serving the emulator on the loopback interface. Belongs here: everything that knows uvicorn. Does not: the
application (`app`)."""

from __future__ import annotations

import ipaddress
import socket
import sys

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import TRANSPORT, create_app
from .config import EmulatorConfig

KEEP_ALIVE_SECONDS = 3600
"""Longer than any test: a connection closes because a fault says so, never because it was idle."""


class OpenProtocol(HttpToolsProtocol):
    """HTTP/1.1 that shows the application its transport, which it needs to hang up."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


def serve(config: EmulatorConfig, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serves until SIGTERM or SIGINT. Port 0 takes a free one; the address is printed once connections are accepted.

    Raises ValueError for a host that other machines could reach: the emulator knows no secrets and checks none.
    """
    if not ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback:
        raise ValueError(f"The emulator serves the loopback interface only, not {host}.")
    listener = socket.create_server((host, port), backlog=1024)
    address, bound_port = listener.getsockname()[:2]
    settings = uvicorn.Config(
        create_app(config),
        http=OpenProtocol,
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        date_header=False,  # the application's own: it is Stripe's clock that an answer is dated by
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
    )
    sys.stdout.write(f"Stripe emulator listening on http://{address}:{bound_port}\n")
    sys.stdout.flush()
    uvicorn.Server(settings).run(sockets=[listener])
