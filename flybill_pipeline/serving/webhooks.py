"""Receives what Stripe pushes, for who does not want to wait for the next poll. Belongs here: HTTP. Does not:
signatures (the gateway), and what a message means. Bodies are never logged; a refusal of what Stripe did not sign
tells nothing about its reason.
"""

from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from flybill_pipeline.billing.payments.unread_events import UnreadEvent
from flybill_pipeline.serving.one_request import MOST_CONNECTIONS, OneRequest
from flybill_pipeline.stripe_gateway.webhooks import ForeignError, ForgedError, read_pushed
from flybill_pipeline.toolbox.tools import Toolbox

LARGEST_BODY = 1024 * 1024
"""Bytes. An event shows one object; the largest, an invoice, embeds ten lines."""


def receiver(toolbox: Toolbox, secret: str, *, live: bool) -> Starlette:
    """The application: POST / takes one signed event.

    It answers 200 once the event is kept, also as unreadable, or is of no interest; 400 for what is not signed by
    Stripe; 403 with the reason for what is of another mode or account; 413 for too much; 503 when the database does not
    answer: Stripe sends again what was not answered with 2xx. A connection is for one message.
    """

    async def receive(request: Request) -> Response:
        try:
            body = await _limited(request)
        except ClientDisconnect:  # nobody hears the answer
            return _answer(400)
        if body is None:
            return _answer(413)
        signature = request.headers.get("stripe-signature")
        return _answer(*await run_in_threadpool(_taken, toolbox, body, signature, secret, live))

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


def _answer(status: int, reason: str = "") -> Response:
    return Response(reason, status, headers={"Connection": "close"}, media_type="text/plain")


async def _limited(request: Request) -> bytes | None:
    """The body, None when it is too large, whatever its header says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _taken(toolbox: Toolbox, body: bytes, signature: str | None, secret: str, live: bool) -> tuple[int, str]:
    """The status to answer with, and the reason of a refusal of what Stripe signed.

    What cannot be read is kept by its name: sent again it would be the same. The poll reads what matters of it.
    """

    def account_id() -> str | None:
        account = toolbox.stripe_accounts.mine()
        return None if account is None else account.account_id

    try:
        seen = read_pushed(body, signature, secret, live=live, account_id=account_id)
    except ForgedError:
        return 400, ""
    except ForeignError as foreign:
        return (403, foreign.event.reason) if toolbox.unread_events.keep(foreign.event) else (503, "")
    if seen is None:
        return 200, ""
    kept = toolbox.unread_events.keep(seen) if isinstance(seen, UnreadEvent) else toolbox.payment_intake.push(seen)
    return (200 if kept else 503), ""
