"""Numbers of invoices that their senders choose. Belongs here: that each is given once, where that is asked for. Does
not: Stripe's own counting (`finalization`).

stripe-python says of a number that who sets it answers for its being unique; whether Stripe refuses one that exists is
not known. So it is accepted, unless the control API says otherwise: a client is to be tried both ways.
"""

from __future__ import annotations

from .call import Call, require
from .store import Store

_UNIQUE = "unique_numbers"
"""The remembered fact that a number is given once."""


def demand_unique_numbers(store: Store, *, demanded: bool) -> None:
    """Whether a number that exists is refused from now on."""
    store.remember(_UNIQUE, demanded)


def require_free_number(call: Call, number: str | None, *, but: str = "") -> None:
    """No other invoice of this mode has the number, a draft neither; `but` is the invoice that asks for it."""
    if number is None or not call.store.recall(_UNIQUE, False):
        return
    taken = call.store.rows(
        "select id from objects where kind = 'invoice' and livemode = ? and id != ?"
        " and json_extract(body, '$.number') = ? limit 1",
        (call.livemode, but, number),
    )
    require(not taken, f"The invoice number {number} is already in use.", param="number")
