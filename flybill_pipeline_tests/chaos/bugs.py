"""Wrong designs of the sync, as wrappers around its ports. They exist in order to be caught."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from flybill_pipeline.billing.sync.values import Answer, Failure, Progress, SyncInvoice
from flybill_pipeline.steps.sync.ports import Ledger, Rows, Stripe
from flybill_pipeline.steps.sync.recovery import MISSING


class _Wrapped:
    """A port of which only some methods are changed."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class RandomKeys(_Wrapped):
    """Every call has a key of its own, as the library does it by itself."""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*args: Any) -> Any:
            keyed = args and isinstance(args[-1], str) and args[-1].startswith("fb:")
            return method(*args[:-1], uuid4().hex) if keyed else method(*args)

        return call


class NewKeyAfterTimeout(_Wrapped):
    """No answer means a new key, as if nothing could have happened."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._unanswered: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*args: Any) -> Any:
            key = args[-1] if args and isinstance(args[-1], str) and args[-1].startswith("fb:") else None
            if key is None:
                return method(*args)
            result = method(*args[:-1], f"{key}:{self._unanswered.get(key, 0)}")
            if isinstance(result, Failure) and result.code == "no_answer":
                self._unanswered[key] = self._unanswered.get(key, 0) + 1
            return result

        return call


class SeesNothing(_Wrapped):
    """A look that never finds anything: new generation, new draft."""

    def find_invoices(self, *_: Any) -> Answer[list[Any]]:
        return Answer([])

    def retrieve_invoice(self, *_: Any) -> Failure:
        return Failure("look_first", MISSING, "Stripe does not know the invoice", "Nothing")


class ForgetsTheId(_Wrapped):
    """What Stripe gave us an id of is searched for all the same, by what anybody may edit."""

    def retrieve_invoice(self, *_: Any) -> Failure:
        return Failure("look_first", MISSING, "Stripe does not know the invoice", "Nothing")


class KeysWithoutContent(_Wrapped):
    """A key stands for an invoice and a step, whatever is sent under it."""

    @property
    def contents(self) -> Any:
        return _OneName()


class _OneName:
    def as_sent(self, invoice: SyncInvoice) -> SyncInvoice:
        return invoice

    def __getattr__(self, _: str) -> Any:
        return lambda *_: "content"


class SearchesByOurClock(_Wrapped):
    """A look begins an hour before we sent something, by our own clock."""

    def mark_sending(
        self, row_id: str, attempts: int, step: str, key: str, now: datetime, changes: Mapping[str, object]
    ) -> Progress | None:
        ours = {"sent_after": now - timedelta(hours=1)} if "sent_after" in changes else {}
        return cast(Rows, self._port).mark_sending(row_id, attempts, step, key, now, {**changes, **ours})


class WrittenAfterTheCall(_Wrapped):
    """Marks in memory only, and writes the mark when the call has been made."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._marks: dict[str, tuple[int, str, str, datetime, Mapping[str, object]]] = {}
        self._rows: dict[str, Progress] = {}

    def mark_sending(
        self, row_id: str, attempts: int, step: str, key: str, now: datetime, changes: Mapping[str, object]
    ) -> Progress | None:
        known = self._write_mark(row_id) or self._rows.get(row_id, Progress(attempts=attempts))
        self._marks[row_id] = (known.attempts, step, key, now, changes)
        told = {name: value for name, value in changes.items() if hasattr(known, name)}
        sent: dict[str, Any] = {"step": step, "step_key": key, "step_first_sent_at": now, "first_sent_at": now}
        return replace(known, **{**told, **sent})

    def commit(
        self, row_id: str, attempts: int, changes: Mapping[str, object], now: datetime, *, looks: int = 0
    ) -> Progress | None:
        marked = self._write_mark(row_id)
        seen = marked.attempts if marked else attempts
        row = cast(Rows, self._port).commit(row_id, seen, changes, now, looks=looks)
        if row is not None:
            self._rows[row_id] = row
        return row

    def _write_mark(self, row_id: str) -> Progress | None:
        """The mark that is due: its call has been made meanwhile."""
        mark = self._marks.pop(row_id, None)
        return None if mark is None else cast(Rows, self._port).mark_sending(row_id, *mark)


class _LedgerWith(_Wrapped):
    def __init__(self, ledger: Ledger, rows: Callable[[Any], Any]) -> None:
        super().__init__(ledger)
        self.invoices = rows(ledger.invoices)
        self.customers = rows(ledger.customers)


@dataclass(frozen=True)
class Bug:
    """Which port is wrapped by what."""

    stripe: Callable[[Any], Any] | None = None
    rows: Callable[[Any], Any] | None = None

    def stripe_of(self, stripe: Stripe) -> Stripe:
        return cast(Stripe, self.stripe(stripe)) if self.stripe else stripe

    def ledger_of(self, ledger: Ledger) -> Ledger:
        return cast(Ledger, _LedgerWith(ledger, self.rows)) if self.rows else ledger

    def ports(self) -> dict[str, Any]:
        """What to hand to `World.sync`."""
        return {"stripe_of": self.stripe_of, "ledger_of": self.ledger_of}


NO_BUG = Bug()
