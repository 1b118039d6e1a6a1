"""Around every page: the headers of each answer, so that nothing of it is run, framed, guessed or told to others, and
the path of each request as it was sent. What is answered: `pages.py`.
"""

from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Authorization, Accept, Accept-Language",
}


class SafeHeaders:
    """Adds HEADERS to every answer of an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


class PathsAsSent:
    """Hands on each path as it was sent, so that the / of an id, written as %2F, separates nothing; none ends it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sent = scope.get("raw_path") or quote(scope["path"]).encode()
            scope = {**scope, "path": sent.decode("ascii", "replace").rstrip("/") or "/"}
        await self._app(scope, receive, send)
