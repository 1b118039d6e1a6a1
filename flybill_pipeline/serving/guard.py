"""The guard in front of Dagster's UI: which requests of a browser pass. It answers none itself, and knows no Dagster.

Dagster's webserver has no login, executes mutations on GET and asks for neither Host nor Origin: any web page that an
operator has open could bill, or stop billing. What passes here (sources: the Fetch standard, OWASP's CSRF sheet):

- Host must be a name that the UI is served under, so a name that an attacker points at this machine is refused;
- nothing but GraphQL is ever posted, as application/json (no HTML form can send that), from a page of the UI itself;
- nothing is executed by GET; a websocket comes from a page of the UI;
- `/report_*` is closed; on a read-only address a document with a mutation in it is refused whole;
- what asks for something that cannot be run is answered in Dagster's place, in a form that the UI shows.

A request without Origin and Sec-Fetch-Site comes from no browser (every browser sends one of them with a POST), but
from a program of this machine.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flybill_pipeline.serving.operations import frame_refusal, refusal

GRAPHQL = "/graphql"
LARGEST_BODY = 2**20
"""Bytes; what the UI sends are queries of kilobytes and run configuration."""
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NO_FRAMES = "frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not pass."""

    status: HTTPStatus
    sentence: str


class Guard:
    """An ASGI application in front of another. `origins` are those the UI is served under: `http://127.0.0.1:3000`.

    `judge` is handed each body that passes: where Dagster cannot do what it asks for, it gives the answer; else None.
    """

    def __init__(
        self,
        app: ASGIApp,
        origins: Collection[str],
        *,
        read_only: bool = False,
        judge: Callable[[bytes], Mapping[str, Any] | None] = lambda _body: None,
    ) -> None:
        self._app = app
        self._judge = judge
        self._origins = frozenset(origins)
        self._hosts = frozenset(origin.split("://", 1)[1] for origin in origins)
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it in one sentence."""
        if scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused, answer = self._refused(scope), None
        if refused is None and scope["method"] == "POST":
            body = await _body(receive)
            if body is None:
                refused = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This request is too large.")
            elif sentence := refusal(body, read_only=self._read_only):
                refused = Refusal(HTTPStatus.FORBIDDEN, sentence)
            elif (answer := await run_in_threadpool(self._judge, body)) is None:
                receive = _again(body, receive)
        if refused is not None:
            await JSONResponse({"errors": [{"message": refused.sentence}]}, refused.status)(scope, receive, send)
        elif answer is not None:
            await JSONResponse(answer)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != GRAPHQL or self._stranger(Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Not from a page of this UI."})
            return
        await self._app(scope, self._checked_frames(receive, send), send)

    def _checked_frames(self, receive: Receive, send: Send) -> Receive:
        """Frames as they come, until one may not pass: then the socket is closed on both sides."""

        async def frame() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            sentence = frame_refusal(message.get("text"), read_only=self._read_only)
            if sentence is None:
                return message
            await send({"type": "websocket.close", "code": 1008, "reason": sentence})
            return {"type": "websocket.disconnect", "code": 1008}

        return frame

    def _refused(self, scope: Scope) -> Refusal | None:
        request = Request(scope)
        if not self._known_host(request.headers):
            return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "This UI is not served under that name.")
        if request.url.path.lstrip("/").startswith("report_"):
            return Refusal(
                HTTPStatus.FORBIDDEN, "Reporting from outside is closed: flybill's own runs say what happened."
            )
        if request.method in ("GET", "HEAD"):
            return _refused_reading(request)
        if request.method != "POST" or request.url.path != GRAPHQL:
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Only GraphQL operations may be posted, to /graphql.")
        if self._stranger(request.headers):
            return Refusal(HTTPStatus.FORBIDDEN, "This request comes from another site.")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "GraphQL operations are posted as application/json.")
        return None

    def _known_host(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        return len(hosts) == 1 and hosts[0].lower() in self._hosts

    def _stranger(self, headers: Headers) -> bool:
        """Whether a browser sends this from a page that is not the UI's own, or to a name that is not the UI's."""
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        return (
            not self._known_host(headers)
            or any(origin.lower() not in self._origins for origin in origins)
            or any(site.lower() != "same-origin" for site in sites)
        )


def _refused_reading(request: Request) -> Refusal | None:
    """Pages, pictures and logs may be read; GraphQL is not executed by GET. Dagster shows its GraphiQL page instead."""
    if request.url.path == GRAPHQL and "text/html" not in request.headers.get("accept", ""):
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL operations are posted, as application/json.")
    return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large, or its sender is gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The same body once more, for the application, and then what comes after it."""
    left = [body]

    async def replayed() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    """Adds the headers; Dagster's own policy of what its page may load stays beside ours: a browser obeys both."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.append("Content-Security-Policy", NO_FRAMES)
        await send(message)

    return sent
