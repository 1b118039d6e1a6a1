"""Serves the pages on this machine until Ctrl-C; a proxy that ends TLS stands in front of them. No page is here."""

from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

MOST_CONNECTIONS = 200
IDLE_SECONDS = 5


def serve(pages: ASGIApp, port: int, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C."""
    say(f"The pages are on http://127.0.0.1:{port}/ (Ctrl-C ends them)")
    uvicorn.Server(configured(pages, port)).run()


def configured(pages: ASGIApp, port: int) -> uvicorn.Config:
    """How they are served. Links stand in addresses, so no address is logged."""
    return uvicorn.Config(
        pages,
        host="127.0.0.1",
        port=port,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        proxy_headers=False,  # not each proxy takes away what a stranger says of where it comes from
        log_level="error",
        access_log=False,
        server_header=False,
    )
