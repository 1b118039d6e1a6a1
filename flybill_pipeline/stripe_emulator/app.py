"""The HTTP face of Stripe's API. Belongs here: reading requests and putting answers, or their absence, on the wire.
Does not: deciding answers (`engine`), and the server under it (`server`).

A connection can be closed without a byte only by the server: it puts its transport into the request's scope, under
TRANSPORT. Under another server the faults that need it raise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import cast

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from .config import DEFAULT_API_VERSION, EmulatorConfig
from .control import control_routes
from .engine import Emulator, new_request_id
from .request import Delivery, Reply, Request

TRANSPORT = "emulator.transport"
"""The member of scope["extensions"] where the server puts {"transport": asyncio.Transport}."""


def create_app(config: EmulatorConfig) -> Starlette:
    """The whole application: Stripe's API, and the control API under /_emulator."""
    emulator = Emulator(config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        # What was accepted happens, even if its time had not come: Stripe does not lose it either.
        emulator.run_all_late()
        emulator.store.close()

    api = _api(emulator)
    routes = [Mount("/v1", app=api), control_routes(emulator), Mount("/", app=api)]
    return Starlette(routes=routes, lifespan=lifespan)


def _api(emulator: Emulator) -> ASGIApp:
    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        request = await _read(scope, receive)
        if request is None:
            return
        delivery = emulator.handle(request)
        if delivery.late is not None:
            asyncio.get_running_loop().call_later(delivery.late, emulator.run_late, request.id)
        try:
            if delivery.delay:
                await asyncio.sleep(delivery.delay)
            await _deliver(request, delivery, emulator.clock.now(), scope, receive, send)
        finally:
            emulator.answered(request)

    return api


async def _read(scope: Scope, receive: Receive) -> Request | None:
    """The whole request; None when the client went away in the middle of it, which a real server does not execute."""
    arrived = time.time()
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Request(
        id=new_request_id(),
        arrived=arrived,
        method=scope["method"],
        path=scope["path"],
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        encoded=bytes(body) if scope["method"] == "POST" else scope["query_string"],
    )


async def _deliver(request: Request, delivery: Delivery, now: int, scope: Scope, receive: Receive, send: Send) -> None:
    reply = delivery.reply
    if reply is None:
        _transport(scope).abort()
        await _disconnected(receive)
        return
    headers = _encoded({**_headers(request, reply), "Date": formatdate(now, usegmt=True)})
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if delivery.cut:
        await send({"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True})
        _transport(scope).close()
        await _disconnected(receive)
        return
    await send({"type": "http.response.body", "body": reply.body})


def _headers(request: Request, reply: Reply) -> dict[str, str]:
    return {
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "Request-Id": request.id,
        "Stripe-Version": DEFAULT_API_VERSION,
        **request.echoed,
        **reply.headers,
    }


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _transport(scope: Scope) -> asyncio.Transport:
    return cast(asyncio.Transport, scope["extensions"][TRANSPORT]["transport"])


async def _disconnected(receive: Receive) -> None:
    """Waits until the server has noticed, so that it does not take the missing answer for our failure."""
    while (await receive())["type"] != "http.disconnect":
        pass
