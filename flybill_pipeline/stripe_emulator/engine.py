"""The life of one API request, without HTTP. Belongs here: the order of the layers (key, limit, idempotency,
validation, execution, faults) and the transaction around them. Does not: sockets (`app`) and what endpoints do.

Everything runs in one thread and one database transaction per request: that is what makes a request atomic.
"""

from __future__ import annotations

from . import errors
from .call import Call, new_id
from .clock import Clock
from .config import DEFAULT_API_VERSION, EmulatorConfig
from .errors import StripeError
from .faults import Fault, Faults, Stage
from .forms import nest
from .idempotency import Answers
from .limits import RateLimiter, UnderWay
from .passage import settle_due
from .request import Delivery, Reply, Request, error_reply
from .store import Json, Store, dump
from .tax_settings import change as change_tax

_HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Emulator:
    """The whole stand-in: state, clock, faults and the way through them."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.config = config
        self.store = Store(config.state_path)
        self._set_up()
        self.clock = Clock(self.store)
        self.faults = Faults(self.store)
        self.answers = Answers(self.store)
        self._limiter = RateLimiter(config)
        self._under_way = UnderWay(config.limit_concurrent)
        self._held: dict[str, tuple[Request, Json]] = {}

    def handle(self, request: Request) -> Delivery:
        """Decides one request completely; what is stored when this returns is what Stripe knows."""
        with self.store.transaction():
            settle_due(self.store, self.clock.now())
            fault = self._pick_fault(request)
            reply = (
                self._at_edge(request, fault) if fault and fault.stage is Stage.EDGE else self._answer(request, fault)
            )
            delivery = self._delivery(request, reply, fault)
            self._log(request, reply, delivery, fault)
        if delivery.delay:
            self.answers.begin(request)
            self._under_way.begin(request.id, request.endpoint, self._lock(request))
        return delivery

    def answered(self, request: Request) -> None:
        """The answer has left: its key is no longer in flight, unless the request is held."""
        self._under_way.end(request.id)
        if request.id not in self._held:
            self.answers.end(request)

    def run_late(self, request_id: str) -> None:
        """Executes a request held by late_commit, once."""
        if request_id not in self._held:
            return
        request, params = self._held.pop(request_id)
        self.answers.end(request)
        with self.store.transaction():
            self._execute(request, params, None)

    def run_all_late(self) -> int:
        """Executes all held requests, oldest first, and returns how many there were."""
        held = list(self._held)
        for request_id in held:
            self.run_late(request_id)
        return len(held)

    def advance(self, seconds: int) -> int:
        """Moves the virtual clock, lets happen what is due, and returns the new time."""
        with self.store.transaction():
            now = self.clock.advance(seconds)
            settle_due(self.store, now)
        return now

    def reset(self) -> None:
        """Forgets everything: objects, keys, faults, the log and the clock's offset."""
        self._held.clear()
        self.answers.in_flight.clear()
        self.store.reset()
        self._set_up()
        self.faults.clear()
        self.clock.reset()

    def _set_up(self) -> None:
        """What the account is from the start."""
        if self.config.account_id is not None:
            self.store.remember("account_id", self.config.account_id)
        if self.config.tax_behavior is not None:
            change_tax(self.store, behavior=self.config.tax_behavior)

    def _pick_fault(self, request: Request) -> Fault | None:
        if request.endpoint == "unknown":
            return None
        return self.faults.pick(request.endpoint, request.method, lambda: self._target(request))

    def _target(self, request: Request) -> tuple[str | None, str | None]:
        """The customer and the invoice that a request is about."""
        route, object_id = request.routed
        named = dict(request.pairs)
        if route and route.collection == "customers":
            return object_id.partition("/")[0] or None, None
        invoice_id = object_id if route and route.collection == "invoices" else named.get("invoice", "")
        invoice = self.store.get("invoice", invoice_id) if invoice_id else None
        return (invoice["customer"] if invoice else named.get("customer")), invoice_id or None

    def _lock(self, request: Request) -> str | None:
        """What a write keeps for itself while it runs: its customer, or what is known instead."""
        customer, invoice = self._target(request) if request.method != "GET" else (None, None)
        return customer or invoice

    def _at_edge(self, request: Request, fault: Fault) -> Reply | None:
        """Something in front of Stripe's endpoints answers, or nothing does."""
        fault.struck = True
        if fault.kind == "reset_before":
            return None
        if fault.kind == "html_502":
            return Reply(502, _HTML_502, content_type="text/html")
        refusals = {
            "http_503": errors.unavailable(),
            "unauthorized": errors.bad_api_key(request.api_key),
            "forbidden": errors.no_permission(request.api_key),
            "rate_limited": errors.rate_limited("endpoint-rate"),
            "lock_timeout": errors.lock_timeout(),
            "key_in_use": errors.key_in_use(request.key or ""),
        }
        return error_reply(refusals[fault.kind])

    def _answer(self, request: Request, fault: Fault | None) -> Reply | None:
        """Stripe's layers in Stripe's order; None when the execution is held for later."""
        route = request.routed[0]
        try:
            if not request.authentic:
                raise errors.bad_api_key(request.api_key)
            if route is None:
                raise errors.unknown_url(request.method, request.path)
            if reason := self._limiter.refuse(route.name, request.livemode) or self._under_way.refuse(route.name):
                raise errors.rate_limited(reason)
            if saved := self.answers.replay(request, self.clock.now()):
                return saved
            params = route.decode(nest(request.pairs), "")
            if self._under_way.locked(self._lock(request)):
                raise errors.lock_timeout()
        except StripeError as error:
            return error_reply(error)
        if fault and fault.kind == "late_commit":
            fault.struck = True
            self._held[request.id] = (request, params)
            self.answers.begin(request)
            return None
        return self._execute(request, params, fault)

    def _execute(self, request: Request, params: Json, fault: Fault | None) -> Reply:
        """Runs the endpoint, or the fault in its place, and saves the answer under the key."""
        kind = fault.kind if fault and fault.stage is Stage.RUN else None
        began = True
        if kind == "http_500_before":
            reply = error_reply(errors.server_error())
        elif kind == "lock_timeout_cached":
            reply = error_reply(errors.lock_timeout())
        elif kind == "refused":
            reply = error_reply(errors.no_payment_method_types())
        else:
            reply, began = self._run(request, params)
            if kind == "http_500_after" and began:
                reply = error_reply(errors.server_error())
        if fault and kind:
            fault.struck = began
        if began:
            self.answers.save(request, reply, self.clock.now())
        return reply

    def _run(self, request: Request, params: Json) -> tuple[Reply, bool]:
        """The endpoint's own answer, and whether it had begun to execute."""
        route, object_id = request.routed
        assert route is not None
        call = Call(
            store=self.store,
            now=self.clock.now(),
            livemode=request.livemode,
            request_id=request.id,
            idempotency_key=request.key,
            api_version=request.headers.get("stripe-version", DEFAULT_API_VERSION),
        )
        try:
            with self.store.transaction():
                try:
                    return Reply(200, dump(route.handler(call, params, object_id)).encode()), True
                except StripeError as error:
                    if not error.keeps_changes:
                        raise
                    return error_reply(error), True
        except StripeError as error:
            return error_reply(error), error.began

    def _delivery(self, request: Request, reply: Reply | None, fault: Fault | None) -> Delivery:
        if fault and fault.stage is Stage.WIRE:
            fault.struck = True
            if fault.kind == "reset_after":
                return Delivery(None)
            return Delivery(reply, cut=fault.kind == "cut_body", delay=fault.seconds if fault.kind == "slow" else 0.0)
        return Delivery(reply, late=fault.seconds if fault and request.id in self._held else None)

    def _log(self, request: Request, reply: Reply | None, delivery: Delivery, fault: Fault | None) -> None:
        rule, problem = reply.blame if reply and reply.blame else (None, None)
        status = reply.status if reply and delivery.reply else None
        struck = fault.kind if fault and fault.struck else None
        replayed = bool(reply and reply.replayed)
        self.store.rows(
            "insert into requests"
            " (at, endpoint, livemode, request_id, key, status, replayed, fault, rule, problem)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.arrived,
                request.endpoint,
                request.livemode,
                request.id,
                request.key,
                status,
                replayed,
                struck,
                rule,
                problem,
            ),
        )


def new_request_id() -> str:
    """The id under which Stripe's log would show the request."""
    return new_id("req")
