"""What an organization owes for a month: from the invoice where there is one, else priced now as an invoice is.

Reads only; Stripe is not asked, so it answers while Stripe is down.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache, partial

from flybill_pipeline.billing.invoicing.commitments import commitment_in
from flybill_pipeline.billing.invoicing.forecast import Known, Pace, forecast, goes_on, standing_lines
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote, what_is_left
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.pricing.breakdowns import Breakdown, breakdowns
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.usage.backlog import LOOKED_LATELY
from flybill_pipeline.billing.words.outlook import Source, freshness_words, left_words
from flybill_pipeline.billing.words.sentence import Words
from flybill_pipeline.billing.words.statement import Statement, statement
from flybill_pipeline.questions.budgets import BudgetState, budget_states
from flybill_pipeline.questions.changed import Changed, changed_since, changed_so_far
from flybill_pipeline.questions.org_month import Asked, OrgMonth, PricedNow, asked_about, org_month, priced_now
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.stores.usage.months.health import Arrival
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class Owed:
    """What an organization owes for a month, and why.

    `credit_notes` are those that count: one that Stripe refused never came to be. `poll` says how fresh payments are.
    `find_unread` finds the landed files that an open month does not know yet; it looks through the landing zone, so it
    is for who tells of them. `find_unrecorded` finds the days whose usage was read and is not in the month yet.
    `find_behind` finds the sources whose table in an engine was not looked at lately, and when it last was.
    `budgets` are those of the month, with what of them is spent. `freshness` says how fresh the usage is of a month
    that is not settled; `left`, of a month that is open, what is left of credits and of a minimum. `by_day` is what the
    usage of a running month came to by the end of each of its days, from the first on. `events_waiting` of the month
    name aliases that belong to nobody, so some may be this organization's. `first` is the first month that was closed
    of anybody, of a month that is not. `contact` is where its reader can ask: an e-mail address, or that of a page;
    None where nobody is named. `find_changed` compares with the month before; it reads that, so it is for who tells it.
    """

    org: Organization
    facts: MonthFacts
    statement: Statement
    lines: Sequence[LineItem]
    credit_notes: Sequence[CreditNote]
    poll: Poll
    find_unread: Callable[[], Collection[str]] = tuple
    find_unrecorded: Callable[[], Collection[date]] = tuple
    find_behind: Callable[[], Mapping[str, datetime | None]] = dict
    events_waiting: int = 0
    by_day: Sequence[int] = ()
    budgets: Sequence[BudgetState] = ()
    freshness: Words = ()
    left: Words = ()
    first: Month | None = None
    contact: str | None = None
    find_changed: Callable[[], Changed | None] = lambda: None

    @property
    def changed(self) -> Changed | None:
        """What made the difference to the month before; None where there is nothing to compare."""
        return self.find_changed()

    @property
    def breakdowns(self) -> Sequence[Breakdown]:
        """What it comes to by each app, or by each value of another dimension of its usage."""
        return breakdowns(self.lines)

    @property
    def files_unread(self) -> int:
        """How many landed files an open month does not know yet."""
        return len(self.find_unread())

    @property
    def days_unrecorded(self) -> int:
        """Of how many days usage was read that an open month does not know yet."""
        return len(self.find_unrecorded())

    @property
    def tables_behind(self) -> Mapping[str, datetime | None]:
        """The sources whose table in an engine an open month may not know the last rows of: when it was looked at."""
        return self.find_behind()

    @property
    def left_minor(self) -> int | None:
        """What the invoice comes to after its credit notes, in minor units; None while there is no invoice."""
        return what_is_left(self.facts.total_minor, self.credit_notes) if self.facts.invoice_number else None


def owed(tools: Toolbox, org_id: str, month: Month) -> Owed:
    """The statement of one organization's month as of now. Raises UnknownOrganizationError."""
    return owed_by(asked_about(tools, org_id), month)


def owed_by(asked: Asked, month: Month, facts: MonthFacts | None = None) -> Owed:
    """The statement of a month of the organization; `facts` that were read already are not read again.

    A month that is settled is read as it was settled; any other is priced here and now, so it is as fresh as the
    daily usage, however long ago drafts were last written.
    """
    of = org_month(asked, month, facts)
    answer = _settled(of) if of.is_settled else _so_far(of)
    return replace(answer, contact=asked.tools.settings.contact)


def _settled(of: OrgMonth) -> Owed:
    tools = of.asked.tools
    org_id, month, now = of.org.org_id, of.month, tools.now()
    facts = replace(of.facts, payment=tools.payments.of_org(org_id, month, now))
    notes = [note for note in tools.credit_notes.of(org_id, month) if note.counts]
    lines = tools.recorded_lines.of(org_id, month)
    return Owed(
        org=of.asked.organization,
        facts=facts,
        statement=statement(facts, now, tools.closing_day, notes),
        lines=lines,
        credit_notes=notes,
        poll=tools.payments.poll(),
        budgets=budget_states(tools, facts, org_id, lines),
        events_waiting=_waiting(tools, month),
        find_changed=cache(partial(changed_since, of, lines)),
    )


def _so_far(of: OrgMonth) -> Owed:
    tools, month = of.asked.tools, of.month
    now, arrived = tools.now(), tools.last_arrivals(month)
    sources = _sources(tools, arrived)
    begun = month.start <= now
    runs = begun and now < month.end
    priced = priced_now(of, by_day=runs)
    draft, by_day = priced.draft, [minor for _, minor in priced.days.by_day] if runs else []
    pace = _pace(priced, tools.known_up_to(month, arrived.values()) if runs else None, now)
    facts = replace(
        of.facts,
        total_minor=draft.total_minor,
        standing_minor=total_minor(standing_lines(draft.lines)),
        usage_up_to=draft.usage_up_to,
        currency=of.org.currency,
        forecast=forecast(pace) if runs and pace.known.up_to else None,
    )
    commitment = commitment_in(priced.books) if priced.books else None
    return Owed(
        org=of.asked.organization,
        facts=facts,
        statement=statement(facts, now, tools.closing_day),
        lines=draft.lines,
        credit_notes=(),
        poll=tools.payments.poll(),
        find_unread=tools.unread_lately if begun else tuple,
        find_unrecorded=tools.unrecorded_lately(month) if begun else tuple,
        find_behind=(lambda: tools.tables_behind(now - LOOKED_LATELY)) if begun else dict,
        events_waiting=_waiting(tools, month),
        by_day=by_day,
        budgets=budget_states(tools, facts, of.org.org_id, draft.lines, pace if runs else None),
        freshness=freshness_words(pace.known.up_to, sources, now),
        left=left_words(priced.credits_left, commitment, draft.lines) if begun else (),
        first=tools.open_months.first(),
        find_changed=cache(_changed(of, priced, pace.known.up_to, runs=runs)) if begun else lambda: None,
    )


def _changed(of: OrgMonth, priced: PricedNow, up_to: datetime | None, *, runs: bool) -> Callable[[], Changed | None]:
    if runs:
        return partial(changed_so_far, of, priced.days, up_to)
    return partial(changed_since, of, priced.draft.lines)


def _waiting(tools: Toolbox, month: Month) -> int:
    return tools.usage_health.left_out(month.first_day, month.last_day)["waiting"]


def _pace(priced: PricedNow, days_up_to: datetime | None, now: datetime) -> Pace:
    draft, account, usage = priced.draft, priced.account, priced.days
    known = Known(draft.usage_up_to, days_up_to)
    days, totals = known.whole_days(draft.month), usage.used.totals if usage.used else ()
    grown = goes_on(usage.books, totals, known, now, days) if usage.books else None
    return Pace(draft.month, draft.lines, known, account.discounts, account.credits, grown, len(days))


def _sources(tools: Toolbox, arrived: Mapping[str, Arrival]) -> list[Source]:
    """The sources that brought something since the month began, as their people call them."""
    names = {source.key: source.name for source in tools.sources.values()}
    return [Source(names[key], each.at) for key, each in arrived.items()]
