"""One call to Stripe: paced, sent once, answered with a value; a list of them. Which calls there are: `gateway.py`.

A method returns an `Answer` or a `Failure`, whatever Stripe or the network did; only a mistake in this program raises.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import stripe

from flybill_pipeline.billing.sync.values import Answer, Failure, T
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
from flybill_pipeline.stripe_gateway.limiter import ENDPOINT_RATE, LIVE_RATE, Limiter, Slots
from flybill_pipeline.stripe_gateway.pages import read_page
from flybill_pipeline.stripe_gateway.shapes import NONSENSE
from flybill_pipeline.stripe_gateway.transport import PooledClient

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


def limiter_for(
    *, live: bool, endpoint: float | None = None, account: float | None = None, slots: Slots | None = None
) -> Limiter:
    """The limiter for a key; `endpoint` and `account` (calls per second) replace what Stripe grants by default.

    A live account is granted four endpoints' worth of calls, a test key one.
    """
    endpoint = endpoint or ENDPOINT_RATE
    return Limiter(endpoint, account or (endpoint * LIVE_RATE / ENDPOINT_RATE if live else endpoint), slots=slots)


class Calls:
    """The way to Stripe of one key. Safe to share between threads.

    `base` replaces Stripe's address (the emulator's). `live` must be true for a live key, and only then: see `keys`.
    `contents` are the parameters of its writes: whether Stripe collects what is finalized, whether it adds tax. `now`
    is our own clock, which is only held against Stripe's.
    """

    timeout = 30.0
    """Seconds of silence after which there is no answer."""

    def __init__(
        self,
        api_key: str,
        *,
        base: str | None = None,
        live: bool = False,
        limiter: Limiter | None = None,
        contents: Contents | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        require_usable_key(api_key, base=base, live=live)
        _silence_library()
        self.live = is_live_key(api_key)
        self._limiter = limiter or limiter_for(live=self.live)
        self._contents = contents or Contents()
        self._clock = AnswerClock(now)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": base.rstrip("/")} if base else None,
            max_network_retries=0,
            http_client=PooledClient(base or f"https://{STRIPE_HOST}", self.timeout),
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

    def look(
        self, endpoint: str, path: str, params: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]
    ) -> Answer[T] | Failure:
        """What `read` makes of one answer, for code that must not share the sync's way of reading it.

        What `read` raises of an answer that is none (NONSENSE) is a Failure.
        """
        return self.call(endpoint, "get", path, read, params)

    def list_all(
        self, endpoint: str, path: str, read: Callable[[Mapping[str, Any]], T], params: Mapping[str, Any]
    ) -> Answer[list[T]] | Failure:
        """All entries of a list, page by page."""
        entries: list[T] = []
        query: dict[str, Any] = {"limit": PAGE, **params}
        cursors: set[str] = set()
        while True:
            page = self.call(endpoint, "get", path, partial(read_page, read), query)
            if isinstance(page, Failure):
                return page
            entries += page.value.entries
            if page.value.after is None:
                return Answer(entries, page.request_id)
            if page.value.after in cursors or len(cursors) >= MOST_PAGES:  # a list that has no end is none
                return unreadable(page.request_id)
            cursors.add(page.value.after)
            query["starting_after"] = page.value.after

    def call(
        self,
        endpoint: str,
        method: str,
        path: str,
        read: Callable[[Mapping[str, Any]], T],
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer[T] | Failure:
        """What `read` makes of one answer. `endpoint` names the pace; a write has a key."""
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
            if any(entry.get("livemode", self.live) != self.live for entry in (data, *_entries(data))):
                return wrong_livemode(live_key=self.live, request_id=request_id)
            value = read(data)
        except NONSENSE:
            return unreadable(request_id)
        return Answer(value, request_id, response.headers.get("idempotent-replayed") == "true")


def _entries(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The members of a list answer; an invoice's own lines are not looked into."""
    entries = data.get("data")
    return entries if isinstance(entries, list) else ()
