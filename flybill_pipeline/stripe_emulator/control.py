"""The control API under /_emulator, for tests and people. Belongs here: its HTTP face. Does not: Stripe's own paths,
nor what the controls do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from . import control_payments, discounts, tax_settings
from .call import Call
from .customers import save as save_customer
from .engine import Emulator
from .errors import StripeError
from .faults import PlanError
from .numbers import demand_unique_numbers
from .report import last_requests, report


class ControlError(ValueError):
    """A control request that cannot be understood; its text goes to the sender."""


def control_routes(emulator: Emulator) -> Mount:
    """The control API."""

    def route(path: str, method: str, act: Callable[[Emulator, Request, Any], Any]) -> Route:
        return Route(f"/{path}", _endpoint(emulator, act), methods=[method])

    routes = [
        route("health", "GET", _health),
        route("report", "GET", lambda emulator, _request, _body: report(emulator)),
        route("requests", "GET", _requests),
        route("faults", "POST", lambda emulator, _request, body: {"active": emulator.faults.post(body)}),
        route("faults", "DELETE", _clear_faults),
        route("faults/release", "POST", lambda emulator, _request, _body: {"released": emulator.run_all_late()}),
        route("clock", "POST", _clock),
        route("reset", "POST", _reset),
        route("tax", "POST", _tax),
        route("numbers", "POST", _numbers),
        route("customers/{id}/coupon", "POST", _coupon),
        route("invoices/{id}/part_payment", "POST", control_payments.part_payment),
        route("invoices/{id}/dispute", "POST", control_payments.dispute),
        route("disputes/{id}", "POST", control_payments.settle_dispute),
        route("events/withhold", "POST", control_payments.withhold_events),
        route("events/release", "POST", control_payments.release_events),
    ]
    return Mount("/_emulator", routes=routes)


def _endpoint(
    emulator: Emulator, act: Callable[[Emulator, Request, Any], Any]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await request.json() if await request.body() else None
            return JSONResponse(act(emulator, request, body))
        except (ControlError, PlanError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except StripeError as error:
            return JSONResponse({"error": error.message}, status_code=400)
        except ValueError:
            return JSONResponse({"error": "The body is not JSON."}, status_code=400)

    return endpoint


def _health(emulator: Emulator, _request: Request, _body: Any) -> Any:
    return {"ok": True, "now": emulator.clock.now()}


def _requests(emulator: Emulator, request: Request, _body: Any) -> Any:
    last = request.query_params.get("last", "100")
    if not last.isdecimal():
        raise ControlError("last must be a number.")
    return last_requests(emulator, int(last))


def _clear_faults(emulator: Emulator, _request: Request, _body: Any) -> Any:
    emulator.faults.clear()
    return {"active": 0}


def _clock(emulator: Emulator, _request: Request, body: Any) -> Any:
    seconds = body.get("advance_seconds") if isinstance(body, dict) else None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise ControlError("advance_seconds must be a whole number of seconds that is not negative.")
    return {"now": emulator.advance(seconds)}


def _reset(emulator: Emulator, _request: Request, _body: Any) -> Any:
    emulator.reset()
    return {"ok": True}


def _tax(emulator: Emulator, _request: Request, body: Any) -> Any:
    """Sets what a person may in the Dashboard: {"behavior", "status", "rates": {"DE": "19"}, "negative_lines"}."""
    if not isinstance(body, dict):
        raise ControlError("What is set of tax must be an object.")
    tax_settings.change(emulator.store, **body)
    return {"ok": True}


def _numbers(emulator: Emulator, _request: Request, body: Any) -> Any:
    """Whether a number that another invoice has is refused: {"unique": true}."""
    unique = body.get("unique") if isinstance(body, dict) else None
    if not isinstance(unique, bool):
        raise ControlError("unique must be true or false.")
    demand_unique_numbers(emulator.store, demanded=unique)
    return {"ok": True}


def _coupon(emulator: Emulator, request: Request, body: Any) -> Any:
    """Puts a coupon on a customer, as one would in the Dashboard: {"id", "percent_off"} or {"id", "amount_off"}."""
    if not isinstance(body, dict) or not body.get("id") or ("percent_off" in body) == ("amount_off" in body):
        raise ControlError("A coupon needs an id and either percent_off or amount_off.")
    customer_id = request.path_params["id"]
    with emulator.store.transaction():
        stored = emulator.store.get("customer", customer_id) or {}
        call = Call(store=emulator.store, now=emulator.clock.now(), livemode=stored.get("livemode", False))
        customer = call.live_customer(customer_id)
        percent_off, amount_off = body.get("percent_off"), body.get("amount_off")
        discounts.create_coupon(call, body["id"], percent_off=percent_off, amount_off=amount_off)
        discount = discounts.new_discount(call, body["id"], customer=customer_id, invoice=None, param="coupon")
        save_customer(call, customer | {"discount": discount}, customer)
    return {"discount": discount["id"]}
