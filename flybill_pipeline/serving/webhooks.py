"""Receives what Stripe pushes, for who does not want to wait for the next poll. Belongs here: HTTP. Does not:
signatures (the gateway), and what a message means. Bodies are never logged; a refusal tells nothing about its reason.
"""

from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from flybill_pipeline.serving.one_request import MOST_CONNECTIONS, OneRequest
from flybill_pipeline.stripe_gateway.webhooks import ForgedError, UnreadableError, read_pushed
from flybill_pipeline.toolbox.tools import Toolbox

LARGEST_BODY = 1024 * 1024
"""Bytes. An event shows one object; the largest, an invoice, embeds ten lines."""


def receiver(toolbox: Toolbox, secret: str, *, live: bool) -> Starlette:
    """The application: POST / takes one signed event.

    It answers 200 once the event is kept, or is of no interest; 400 for what is not signed by Stripe; 413 for too much;
    503 when the database does not answer: Stripe sends again what was not answered with 2xx. A connection is for one
    message.
    """

    async def receive(request: Request) -> Response:
        try:
            body = await _limited(request)
        except ClientDisconnect:  # nobody hears the answer
            return _answer(400)
        if body is None:
            return _answer(413)
        signature = request.headers.get("stripe-signature")
        return _answer(await run_in_threadpool(_taken, toolbox, body, signature, secret, live))

    return Starlette(routes=[Route("/", receive, methods=["POST"])])


def serve(toolbox: Toolbox, secret: str, *, live: bool, port: int, say: Callable[[str], None]) -> None:
    """Serves on this machine until SIGTERM or Ctrl-C; a proxy that ends TLS stands in front of it."""
    say(f"Webhooks are received on http://127.0.0.1:{port}/")
    uvicorn.Server(configured(receiver(toolbox, secret, live=live), port)).run()


def configured(application: Starlette, port: int, http: type[OneRequest] = OneRequest) -> uvicorn.Config:
    """How it is served: nobody holds a connection open."""
    return uvicorn.Config(
        application,
        host="127.0.0.1",
        port=port,
        http=http,
        limit_concurrency=MOST_CONNECTIONS,
        log_level="error",
        access_log=False,
    )


def _answer(status: int) -> Response:
    return Response(status_code=status, headers={"Connection": "close"})


async def _limited(request: Request) -> bytes | None:
    """The body, None when it is too large, whatever its header says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _taken(toolbox: Toolbox, body: bytes, signature: str | None, secret: str, live: bool) -> int:
    """The status to answer with: what cannot be read is of no interest, or is left to the poll."""
    try:
        seen = read_pushed(body, signature, secret, live=live)
    except ForgedError:
        return 400
    except UnreadableError:
        return 200
    return 200 if toolbox.payment_intake.push(seen) else 503
