"""Reads what became of the invoices at Stripe, from its events; from the objects where the events are gone. Decides
nothing about an invoice: that is derived from the observations whenever somebody asks.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeAlias

from flybill_pipeline.billing.payments.polls import Kept, Poll, SeenPage, Via, Window
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.sync.patience import patiently

OVERLAP = timedelta(hours=1)
"""By how much every reading begins before the last one: events may show up late."""
AHEAD = timedelta(minutes=5)
"""A cursor so far in the future was set by a clock that was wrong: what lies before it is not known to be read."""
KEPT_BY_STRIPE = timedelta(days=30)
LONGEST_DISPUTE = timedelta(days=180)
"""How long before a gap something may have begun that went on in it."""
ATTEMPTS = 2
"""How often an unanswered call is repeated: few times, for the next reading is never far."""
UNHEARD_OF = timedelta(days=7)
"""An unpaid invoice of which nothing was heard for so long is looked at: links to Stripe hold for ten days at least."""
MOST_LOOKED_AT = 500
"""Invoices, once an hour."""
FORBIDDEN = 403
"""The status of an answer that a key may not have."""
MAY_READ = (
    "Give the API key permission to read events, invoices, charges (which have the refunds), disputes and credit notes "
    "in Stripe's dashboard, then `flybill payments`. Stripe's log has the request, with the permission that it lacks."
)
OTHER_OBJECTS = ("credit_notes", "refunds", "disputes")
OBJECTS = ("invoices", *OTHER_OBJECTS)

Sleep: TypeAlias = Callable[[float], None]


class Intake(Protocol):
    """Where observations and the cursor are kept."""

    def claim(self) -> AbstractContextManager[bool]: ...
    def poll(self) -> Poll: ...
    def known(self, observation_ids: Collection[str]) -> Collection[str]: ...
    def invoices_paid_by(self, payment_intents: Collection[str]) -> Mapping[str, str]: ...
    def open_since(self) -> datetime | None: ...
    def unheard_of(self, since: datetime, most: int) -> Mapping[str, int]: ...
    def advance(
        self, observations: Sequence[Observation], via: Via, read_up_to: datetime, *, fell_back: bool
    ) -> Kept: ...
    def failed(self, at: datetime, failure: str, remedy: str) -> None: ...


class Stripe(Protocol):
    """What Stripe has to say, newest first."""

    def events(self, since: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        """Events about payments created since then."""

    def objects(self, name: str, during: Window, now: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        """The objects of one of OBJECTS created during that time, as they are `now`."""

    def invoice(self, stripe_invoice_id: str, now: datetime) -> Answer[Observation] | Failure:
        """One invoice as it is `now`."""

    def invoice_paid_by(self, payment_intent: str) -> Answer[str | None] | Failure:
        """The Stripe invoice that a payment was for, None when it was for none."""


@dataclass(frozen=True, slots=True)
class PaymentsReport:
    """What one reading did. `read` counts events or objects; `read_up_to` is the cursor after it.

    `busy` means that somebody else was reading. With a `failure` nothing was kept and the cursor stayed.
    """

    read: int = 0
    kept: Kept = field(default_factory=Kept)
    read_up_to: datetime | None = None
    fell_back: bool = False
    unreadable: Sequence[str] = ()
    busy: bool = False
    failure: Failure | None = None


def read_payments(
    *, intake: Intake, stripe: Stripe, clock: Callable[[], datetime], sleep: Sleep = time.sleep
) -> PaymentsReport:
    """One reading of all that is new. Safe at any time, from any number of processes: one of them reads.

    `clock` tells the time at Stripe, which is whose moments the cursor and the events are.
    """
    with intake.claim() as alone:
        poll = intake.poll()
        if not alone:
            return PaymentsReport(busy=True, read_up_to=poll.read_up_to)
        now = clock()  # before the first call: what happens meanwhile is for the next reading
        fell_back = poll.read_up_to is None or not -AHEAD <= now - poll.read_up_to <= KEPT_BY_STRIPE - OVERLAP
        seen = _objects(poll, intake, stripe, now, sleep) if fell_back else _events(poll, stripe, sleep)
        linked = seen if isinstance(seen, Failure) else _linked(seen.observations, intake, stripe, sleep)
        if isinstance(seen, Failure) or isinstance(linked, Failure):
            failure = seen if isinstance(seen, Failure) else linked
            assert isinstance(failure, Failure)
            failure = replace(failure, remedy=MAY_READ) if failure.status == FORBIDDEN else failure
            intake.failed(now, failure.message, failure.remedy)
            return PaymentsReport(read_up_to=poll.read_up_to, fell_back=fell_back, failure=failure)
        kept = intake.advance(linked, "listing" if fell_back else "events", now, fell_back=fell_back)
        if not fell_back and (looked := _looked_at(poll, intake, stripe, now, sleep)):
            intake.advance(looked, "listing", now, fell_back=False)
        read = len(seen.observations) + len(seen.unreadable)
        return PaymentsReport(read, kept, now, fell_back, seen.unreadable)


def _events(poll: Poll, stripe: Stripe, sleep: Sleep) -> SeenPage | Failure:
    assert poll.read_up_to is not None
    return _all_pages(partial(stripe.events, poll.read_up_to - OVERLAP), sleep)


def _looked_at(poll: Poll, intake: Intake, stripe: Stripe, now: datetime, sleep: Sleep) -> list[Observation]:
    """Unpaid invoices as they are, when nothing was heard of them for long; once an hour.

    No event tells of what people change there, such as the day on which it is due, and the links to Stripe's pages
    expire. An attempt is not known to have failed until an event says so: a debit may be on its way for days.
    """
    assert poll.read_up_to is not None
    if poll.read_up_to.replace(minute=0, second=0, microsecond=0) == now.replace(minute=0, second=0, microsecond=0):
        return []
    seen: list[Observation] = []
    for stripe_invoice_id, failed in intake.unheard_of(now - UNHEARD_OF, MOST_LOOKED_AT).items():
        answer = patiently(partial(stripe.invoice, stripe_invoice_id, now), sleep, ATTEMPTS)
        if isinstance(answer, Answer):
            seen.append(replace(answer.value, attempts=failed))
        elif answer.kind in ("same_key", "everyone"):
            break  # Stripe does not answer; the next hour comes
    return seen


def _objects(poll: Poll, intake: Intake, stripe: Stripe, now: datetime, sleep: Sleep) -> SeenPage | Failure:
    """The objects themselves, of the time that the events do not cover, and the events that there are. Nothing when
    nothing was ever sent.

    An attempt that has begun is counted like one that failed: of invoices that the events reach back to, those tell.
    What they tell of an invoice that has ended since is over, and nobody is to hear of it.
    """
    open_since = intake.open_since()
    gap = poll.read_up_to or open_since
    if gap is None:
        return SeenPage([], None)
    told_since, sent_since = now - KEPT_BY_STRIPE + OVERLAP, (open_since or now) - OVERLAP
    told = _all_pages(partial(stripe.events, max(told_since, sent_since)), sleep)
    if isinstance(told, Failure):
        return told
    pages: list[SeenPage] = []
    recent = Window(max(told_since, sent_since))
    windows = [("invoices", recent), *((name, Window(gap - LONGEST_DISPUTE - OVERLAP)) for name in OTHER_OBJECTS)]
    if sent_since < told_since:
        windows.append(("invoices", Window(sent_since, told_since)))
    for name, during in windows:
        page = _all_pages(partial(_page, stripe, name, during, now), sleep)
        if isinstance(page, Failure):
            return page
        pages.append(_with_failures(page, told.observations) if during is recent else page)
    found = [seen for page in pages for seen in page.observations]
    ended = {seen.object_id for seen in found if seen.kind == "invoice" and seen.status in ("paid", "void")}
    happened = [seen for seen in told.observations if seen.object_id not in ended]
    return SeenPage([*happened, *found], None, [name for page in (told, *pages) for name in page.unreadable])


def _page(stripe: Stripe, name: str, during: Window, now: datetime, after: str | None) -> Answer[SeenPage] | Failure:
    return stripe.objects(name, during, now, after)


def _with_failures(page: SeenPage, told: Sequence[Observation]) -> SeenPage:
    """The invoices with as many attempts as failed by what events told."""
    failed: dict[str, int] = {}
    for seen in told:
        failed[seen.object_id] = max(failed.get(seen.object_id, 0), seen.attempts)
    known = [replace(seen, attempts=failed.get(seen.object_id, 0)) for seen in page.observations]
    return replace(page, observations=known)


def _all_pages(page_after: Callable[[str | None], Answer[SeenPage] | Failure], sleep: Sleep) -> SeenPage | Failure:
    """Page by page, following ids: times would lose or repeat what happened in the second of a page's edge."""
    observations: list[Observation] = []
    unreadable: list[str] = []
    after: str | None = None
    while True:
        page = patiently(partial(page_after, after), sleep, ATTEMPTS)
        if isinstance(page, Failure):
            return page
        observations += page.value.observations
        unreadable += page.value.unreadable
        after = page.value.next_after
        if after is None:
            return SeenPage(observations, None, unreadable)


def _linked(
    observations: Sequence[Observation], intake: Intake, stripe: Stripe, sleep: Sleep
) -> list[Observation] | Failure:
    """What is not kept yet; refunds and disputes with the invoice that they are about, for they name the payment."""
    known = set(intake.known([seen.observation_id for seen in observations]))
    new = [seen for seen in observations if seen.observation_id not in known]
    wanted = {seen.payment_intent for seen in new if seen.stripe_invoice_id is None and seen.payment_intent}
    invoices: dict[str | None, str | None] = {
        seen.payment_intent: seen.stripe_invoice_id for seen in new if seen.kind == "payment"
    }
    invoices.update(intake.invoices_paid_by(wanted))
    asked = _invoices_paid_by(sorted(wanted - set(invoices)), stripe, sleep)
    if isinstance(asked, Failure):
        return asked
    invoices.update(asked)
    return [
        seen if seen.stripe_invoice_id else replace(seen, stripe_invoice_id=invoices.get(seen.payment_intent))
        for seen in new
    ]


def _invoices_paid_by(intents: Sequence[str], stripe: Stripe, sleep: Sleep) -> dict[str, str | None] | Failure:
    """Payment intent to invoice, as Stripe says. One odd payment stops no other; a key that may not ask stops all."""
    invoices: dict[str, str | None] = {}
    forbidden: list[Failure] = []
    for intent in intents:
        answer = patiently(partial(stripe.invoice_paid_by, intent), sleep, ATTEMPTS)
        if isinstance(answer, Failure) and answer.kind in ("same_key", "everyone"):
            return answer
        if isinstance(answer, Failure) and answer.status == FORBIDDEN:
            forbidden.append(answer)
        invoices[intent] = answer.value if isinstance(answer, Answer) else None
    return forbidden[0] if forbidden and len(forbidden) == len(intents) else invoices
