"""What happens to money outside the API: transfers, disputes, events that are late. Belongs here: the control API's
part of it. Does not: HTTP (`control`), and what follows in the account (`payments`, `money_back`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from .call import Call, require
from .engine import Emulator
from .events import WITHHELD
from .money_back import APPEALED, move_dispute, open_dispute
from .payments import pay_part
from .store import Json


def part_payment(emulator: Emulator, request: Request, body: Any) -> Json:
    """A customer transfers a part: {"amount": minor units}."""
    amount: Any = _asked(body).get("amount")
    require(isinstance(amount, int), "amount must be a whole number of minor units.")
    return _about_invoice(emulator, request, lambda call, invoice: pay_part(call, invoice, amount))


def dispute(emulator: Emulator, request: Request, body: Any) -> Json:
    """A bank disputes the last payment of an invoice: {"amount": part of it, "reason"}, both optional."""
    amount, reason = _asked(body).get("amount"), _asked(body).get("reason", "fraudulent")
    return _about_invoice(emulator, request, lambda call, invoice: open_dispute(call, invoice, amount, reason))


def settle_dispute(emulator: Emulator, request: Request, body: Any) -> Json:
    """A bank goes on with a dispute: {"status": "under_review", "won" or "lost"}, and one of APPEALED after that."""
    status = _asked(body).get("status")
    known = ("under_review", "won", "lost", *APPEALED)
    require(status in known, f"status must be one of {', '.join(known)}.")
    dispute_id = request.path_params["id"]
    stored = emulator.store.get("dispute", dispute_id) or {}
    with emulator.store.transaction():
        return move_dispute(_call(emulator, stored), dispute_id, str(status))


def withhold_events(emulator: Emulator, _request: Request, _body: Any) -> Json:
    """From now on new events are late: they happen, and are not listed."""
    emulator.store.remember(WITHHELD, True)
    return {"withheld": True}


def release_events(emulator: Emulator, _request: Request, _body: Any) -> Json:
    """The late events are listed, each at its own time, and new ones at once again."""
    emulator.store.remember(WITHHELD, False)
    return {"released": emulator.store.release_withheld()}


def _about_invoice(emulator: Emulator, request: Request, act: Callable[[Call, Json], Json]) -> Json:
    with emulator.store.transaction():
        stored = emulator.store.get("invoice", request.path_params["id"])
        require(stored is not None, "There is no such invoice.")
        assert stored is not None
        return act(_call(emulator, stored), stored)


def _asked(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


def _call(emulator: Emulator, stored: Json) -> Call:
    return Call(store=emulator.store, now=emulator.clock.now(), livemode=stored.get("livemode", False))
