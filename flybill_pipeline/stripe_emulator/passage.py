"""What Stripe does by itself as time passes: finalizing and collecting invoices that advance automatically. Belongs
here: finding what is due and doing it at its own time. Does not: the actions themselves."""

from __future__ import annotations

from .call import Call
from .errors import StripeError
from .finalization import finalize
from .invoices import save, snapshot
from .payments import attempt, default_method, record_failure
from .store import Json, Store


def settle_due(store: Store, now: int) -> None:
    """Does everything due up to `now`, in order, each dated when it was due."""
    while (invoice := store.due(now)) is not None:
        due_at = invoice["automatically_finalizes_at"] or invoice["next_payment_attempt"]
        call = Call(store=store, now=due_at, livemode=invoice["livemode"])
        try:
            _advance(call, invoice)
        except StripeError:
            _give_up(call, invoice)


def _advance(call: Call, invoice: Json) -> None:
    if invoice["status"] == "draft":
        finalize(call, invoice, auto_advance=invoice["auto_advance"])
    elif method := default_method(call, invoice):
        attempt(call, invoice, method)
    else:
        record_failure(call, invoice)


def _give_up(call: Call, invoice: Json) -> None:
    """A failure has been recorded with the next attempt, if any; what is still due now would be due for ever."""
    current = call.find("invoice", invoice["id"], param="invoice")
    due_at = current["automatically_finalizes_at"] or current["next_payment_attempt"]
    if due_at is not None and due_at <= call.now:
        stopped = current | {"automatically_finalizes_at": None, "next_payment_attempt": None}
        save(call, stopped, snapshot(current), "invoice.updated")
