"""The calls to Stripe, one method each: paced, sent once, answered with a value. No retries and no decisions here.

A method returns an `Answer` or a `Failure`, whatever Stripe or the network did; only a mistake in this program raises.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import stripe

from flybill_pipeline.billing.payments.credit_note_sync import CreditPlan, StripeBill, StripeCreditNote, StripeLine
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.sync.accounts import StripeAccount
from flybill_pipeline.billing.sync.values import (
    Answer,
    Failure,
    StripeCustomer,
    StripeInvoice,
    SyncInvoice,
    SyncLine,
    SyncOrg,
    T,
)
from flybill_pipeline.stripe_gateway import credit_mapping, mapping
from flybill_pipeline.stripe_gateway.clock import AnswerClock
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline.stripe_gateway.failures import (
    RATE_LIMIT_REASON,
    classify,
    headers_of,
    unreadable,
    word,
    wrong_livemode,
)
from flybill_pipeline.stripe_gateway.keys import STRIPE_HOST, is_live_key, require_usable_key
from flybill_pipeline.stripe_gateway.limiter import ENDPOINT_RATE, LIVE_RATE, Limiter
from flybill_pipeline.stripe_gateway.pages import read_page
from flybill_pipeline.stripe_gateway.shapes import NONSENSE, text_of
from flybill_pipeline.stripe_gateway.transport import PooledClient

TIMEOUT = 30.0
PAGE = 100
MOST_PAGES = 10_000
"""Of one listing: a million entries."""


def _silence_library() -> None:
    """Below warnings the library logs whole requests and answers, and prints them where STRIPE_LOG is set: customers'
    data, which belongs in no log. It writes them out even when nobody listens, which costs a tenth of a call's
    processor time. Its telemetry would write a file into the user's home.
    """
    stripe.enable_telemetry = False
    logging.getLogger("stripe").setLevel(logging.WARNING)
    stripe._util.STRIPE_LOG = None
    stripe._util.logfmt = lambda props: str(props["message"])


def limiter_for(*, live: bool, endpoint: float | None = None, account: float | None = None) -> Limiter:
    """The limiter for a key; `endpoint` and `account` (calls per second) replace what Stripe grants by default.

    A live account is granted four endpoints' worth of calls, a test key one.
    """
    endpoint = endpoint or ENDPOINT_RATE
    return Limiter(endpoint, account or (endpoint * LIVE_RATE / ENDPOINT_RATE if live else endpoint))


class Gateway:
    """Stripe for one key. Safe to share between threads.

    `base` replaces Stripe's address (the emulator's). `live` must be true for a live key, and only then: see `keys`.
    `contents` are the parameters of its writes: whether Stripe collects what is finalized, whether it adds tax. `now`
    is our own clock, which is only held against Stripe's.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base: str | None = None,
        live: bool = False,
        rate: float | None = None,
        limiter: Limiter | None = None,
        timeout: float = TIMEOUT,
        contents: Contents | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        require_usable_key(api_key, base=base, live=live)
        _silence_library()
        self._live = is_live_key(api_key)
        self._limiter = limiter or limiter_for(live=self._live, endpoint=rate)
        self._contents = contents or Contents()
        self._clock = AnswerClock(now)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": base.rstrip("/")} if base else None,
            max_network_retries=0,
            http_client=PooledClient(base or f"https://{STRIPE_HOST}", timeout),
        )

    @property
    def pace(self) -> Limiter:
        """The pace of its calls."""
        return self._limiter

    @property
    def contents(self) -> Contents:
        """What its writes hold, by name."""
        return self._contents

    @property
    def clock(self) -> AnswerClock:
        """Stripe's clock, as its answers show it."""
        return self._clock

    def account(self) -> Answer[StripeAccount] | Failure:
        """The account that the key belongs to, in the key's mode."""
        return self._call("retrieve_account", "get", "/v1/account", partial(mapping.read_account, live=self._live))

    def create_customer(self, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure:
        """A customer for an org that has none."""
        params = self._contents.customer_params(org)
        return self._call("create_customer", "post", "/v1/customers", mapping.read_customer, params, key)

    def create_invoice(self, invoice: SyncInvoice, key: str) -> Answer[StripeInvoice] | Failure:
        """An empty draft that Stripe will not finalize by itself."""
        params = self._contents.invoice_params(invoice)
        return self._call("create_invoice", "post", "/v1/invoices", mapping.read_invoice, params, key)

    def add_lines(self, stripe_invoice_id: str, lines: Sequence[SyncLine], key: str) -> Answer[StripeInvoice] | Failure:
        """Adds one chunk of lines to a draft; answers with the whole invoice."""
        path = f"/v1/invoices/{stripe_invoice_id}/add_lines"
        return self._call("add_lines", "post", path, mapping.read_invoice, {"lines": mapping.line_params(lines)}, key)

    def finalize_invoice(self, stripe_invoice_id: str, key: str) -> Answer[StripeInvoice] | Failure:
        """Makes a draft final."""
        path = f"/v1/invoices/{stripe_invoice_id}/finalize"
        return self._call("finalize_invoice", "post", path, mapping.read_invoice, self._contents.finalize_params(), key)

    def retrieve_invoice(self, stripe_invoice_id: str) -> Answer[StripeInvoice] | Failure:
        """One invoice, by Stripe's own id of it."""
        return self._call("retrieve_invoice", "get", f"/v1/invoices/{stripe_invoice_id}", mapping.read_invoice)

    def delete_draft(self, stripe_invoice_id: str) -> Answer[str] | Failure:
        """Deletes a draft; answers with its id."""
        path = f"/v1/invoices/{stripe_invoice_id}"
        return self._call("delete_invoice", "delete", path, lambda data: text_of(data["id"]))

    def find_invoices(self, customer_id: str, since: datetime | None) -> Answer[list[StripeInvoice]] | Failure:
        """All invoices of a customer created at or after `since`, by Stripe's clock, newest first; None: all."""
        params = {"customer": customer_id, **_created(since)}
        return self._list("list_invoices", "/v1/invoices", mapping.read_invoice, params)

    def find_customers(self, org_id: str, since: datetime | None) -> Answer[list[StripeCustomer]] | Failure:
        """The customers that were made for an org, created at or after `since`, by Stripe's clock; None: ever.

        Stripe lists by no metadata: all customers of that time are read.
        """
        answer = self._list("list_customers", "/v1/customers", mapping.read_customer, _created(since))
        if isinstance(answer, Failure):
            return answer
        mark = mapping.org_mark(org_id)
        return Answer([each for each in answer.value if each.flybill_org_id == mark], answer.request_id)

    def update_customer(self, customer_id: str, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure:
        """Brings a customer's name and address up to date."""
        params = self._contents.customer_params(org)
        path = f"/v1/customers/{customer_id}"
        return self._call("update_customer", "post", path, mapping.read_customer, params, key)

    def list_lines(self, stripe_invoice_id: str) -> Answer[list[str]] | Failure:
        """Our ids of all lines of an invoice: the invoice itself shows the first ten only."""
        return self._list("list_lines", f"/v1/invoices/{stripe_invoice_id}/lines", mapping.read_line_id, {})

    def create_credit_note(
        self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan, key: str
    ) -> Answer[StripeCreditNote] | Failure:
        """Gives back money of one line of a finalized invoice."""
        params = credit_mapping.credit_note_params(note, stripe_invoice_id, plan)
        read = credit_mapping.read_credit_note
        return self._call("create_credit_note", "post", "/v1/credit_notes", read, params, key)

    def find_credit_notes(self, stripe_invoice_id: str) -> Answer[list[StripeCreditNote]] | Failure:
        """All credit notes of an invoice, also those made by hand, newest first."""
        params = {"invoice": stripe_invoice_id}
        return self._list("list_credit_notes", "/v1/credit_notes", credit_mapping.read_credit_note, params)

    def find_bill(self, stripe_invoice_id: str) -> Answer[StripeBill] | Failure:
        """What a finalized invoice still asks for, and what was credited of it."""
        path = f"/v1/invoices/{stripe_invoice_id}"
        return self._call("retrieve_invoice", "get", path, credit_mapping.read_bill)

    def find_lines(self, stripe_invoice_id: str) -> Answer[list[StripeLine]] | Failure:
        """Stripe's ids of all lines of an invoice, beside ours."""
        return self._list("list_lines", f"/v1/invoices/{stripe_invoice_id}/lines", credit_mapping.read_line, {})

    def look(
        self, endpoint: str, path: str, params: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]
    ) -> Answer[T] | Failure:
        """What `read` makes of one answer, for code that must not share the sync's way of reading it.

        What `read` raises of an answer that is none (NONSENSE) is a Failure.
        """
        return self._call(endpoint, "get", path, read, params)

    def _list(
        self, endpoint: str, path: str, read: Callable[[Mapping[str, Any]], T], params: Mapping[str, Any]
    ) -> Answer[list[T]] | Failure:
        entries: list[T] = []
        query: dict[str, Any] = {"limit": PAGE, **params}
        cursors: set[str] = set()
        while True:
            page = self._call(endpoint, "get", path, partial(read_page, read), query)
            if isinstance(page, Failure):
                return page
            entries += page.value.entries
            if page.value.after is None:
                return Answer(entries, page.request_id)
            if page.value.after in cursors or len(cursors) >= MOST_PAGES:  # a list that has no end is none
                return unreadable(page.request_id)
            cursors.add(page.value.after)
            query["starting_after"] = page.value.after

    def _call(
        self,
        endpoint: str,
        method: str,
        path: str,
        read: Callable[[Mapping[str, Any]], T],
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer[T] | Failure:
        options = {"idempotency_key": key} if key else {}
        try:
            with self._limiter.call(endpoint):
                response = self._client.raw_request(method, path, **options, **(params or {}))
        except stripe.StripeError as error:
            self._clock.hear(headers_of(error))
            reason = headers_of(error).get(RATE_LIMIT_REASON)
            if reason is not None:
                self._limiter.slow_down(endpoint, reason)
            return classify(error)
        except NONSENSE:
            return unreadable(None)
        self._clock.hear(response.headers)
        request_id = word(response.request_id)
        try:
            data = response.data
            if any(entry.get("livemode", self._live) != self._live for entry in (data, *_entries(data))):
                return wrong_livemode(live_key=self._live, request_id=request_id)
            value = read(data)
        except NONSENSE:
            return unreadable(request_id)
        return Answer(value, request_id, response.headers.get("idempotent-replayed") == "true")


def _created(since: datetime | None) -> dict[str, Any]:
    return {} if since is None else {"created": {"gte": int(since.timestamp())}}


def _entries(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The members of a list answer; an invoice's own lines are not looked into."""
    entries = data.get("data")
    return entries if isinstance(entries, list) else ()
