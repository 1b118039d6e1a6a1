"""Compares what a month was priced to with the budgets of its organizations, and tells of each mark once.

Safe to repeat at any time. What a mark is, and its words: billing. Sending: mail_customers.py.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from flybill_pipeline.billing.alerts.budgets import Budget, Spending, Unwatched, Warned, forecast_tells, marks_passed
from flybill_pipeline.billing.invoicing.forecast import Known, Pace, part_minor
from flybill_pipeline.billing.invoicing.items.all_items import NO_ITEMS, OrgItems
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.by_day import ByNow
from flybill_pipeline.billing.pricing.going_on import GrownUsage
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.shares import Scope, scope_of, share_minor
from flybill_pipeline.billing.words.budgets import warning_mail
from flybill_pipeline.billing.words.sentence import Language

ScopesByDay = Mapping[Scope, Sequence[ByNow]]
"""Scope → what it has come to by the end of each of the last days."""
Mail = tuple[str, str, str]
"""Id, subject and body."""


class Reader(Protocol):
    """Who is written to."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...


class Bill(Protocol):
    """What an open month of an organization was priced to."""

    @property
    def currency(self) -> str: ...
    @property
    def usage_up_to(self) -> datetime | None: ...
    @property
    def lines(self) -> Sequence[LineItem]: ...


class Items(Protocol):
    """What is billed beside usage; credits with what is left of them by settled months."""

    def of(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, OrgItems]: ...


class Budgets(Protocol):
    """Budgets, the bills that they are compared with, and what was told of them."""

    def of(
        self, month: Month, shard: int | None = None, org_ids: Collection[str] = ()
    ) -> Mapping[str, Sequence[Budget]]: ...
    def bills(self, month: Month, org_ids: Collection[str]) -> Mapping[str, Bill]: ...
    def unwatched(
        self, month: Month, shard: int, org_ids: Collection[str] = (), known: datetime | None = None
    ) -> Sequence[Unwatched]: ...
    def watched(self, month: Month, seen: Sequence[Unwatched], known: datetime | None = None) -> None: ...
    def told(self, month: Month, org_ids: Collection[str]) -> Collection[str]: ...
    def tell(
        self, found: Sequence[Warned], mails: Callable[[str, Sequence[Warned]], Mail | None], now: datetime
    ) -> Sequence[Warned]: ...


@dataclass(frozen=True, slots=True)
class LookedAt:
    """An organization whose usage is to be priced: up to when it has some, the scopes of its budgets, and from what is
    `known` the month's end; None: nobody asks for that.
    """

    org_id: str
    usage_up_to: datetime
    scopes: Collection[Scope]
    known: Known | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What usage of an organization came to by its last days, and comes to in all; None where nobody asked."""

    days: ScopesByDay
    grown: GrownUsage | None


NOTHING_SEEN = Seen({}, None)
Look = Callable[[Sequence[LookedAt]], Mapping[str, Seen]]
"""What was seen of organizations, by their ids."""


@dataclass(frozen=True, slots=True)
class Letters:
    """How customers are written to: who an organization is, where it reads what it owes (None: nowhere), languages.

    `contact` is where they can ask; None where nobody is named.
    """

    reader_of: Callable[[str], Reader]
    link_of: Callable[[str, Month], str | None]
    language: Callable[[str | None], Language]
    contact: str | None = None

    def mail(self, org_id: str, warned: Sequence[Warned]) -> Mail | None:
        """The mail that tells of all of it; None for who has no address."""
        reader = self.reader_of(org_id)
        if reader.email is None:
            return None
        link, language = self.link_of(org_id, warned[0].month), self.language(reader.language)
        subject, body = warning_mail(language, reader.name, warned, link, self.contact)
        ids = "\n".join(sorted(each.warning_id for each in warned))
        return f"mail_{hashlib.sha256(ids.encode()).hexdigest()[:24]}", subject, body


def watch_budgets(
    part: ShardMonth,
    budgets: Budgets,
    items: Items,
    look: Look,
    letters: Letters | None,
    days_up_to: datetime | None = None,
) -> Sequence[Warned]:
    """Tells of what is new of the shard's budgets, or of those of its orgs `only`; returns it.

    While the month runs, that is once for each draft and budget, and where there was no usage of late once for each
    day that is known: nothing else changes what is found. The usage of an organization is priced for it, which takes
    far longer than the rest.
    `days_up_to`: see forecast's known_through. Without `letters` customers are not written to: what is told is kept
    for the platform.
    """
    running = part.month.start <= part.now < part.month.end
    telling = days_up_to if forecast_tells(part.month, part.now, days_up_to) else None
    unwatched = budgets.unwatched(part.month, part.shard, part.only, telling) if running else ()
    by_org = budgets.of(part.month, part.shard, part.only)  # later, so that none is taken for compared that is newer
    if not by_org:
        return ()
    asked = by_org.keys() & {each.org_id for each in unwatched} if running else by_org.keys()
    bills = budgets.bills(part.month, sorted(asked)) if asked else {}
    looked_at = [each for each in unwatched if each.org_id in bills]
    known = {org_id: Known(bill.usage_up_to, days_up_to) for org_id, bill in bills.items()}
    seen = look([*_looked_at(part, looked_at, known, by_org)])
    held = items.of(part.shard, list(bills)) if running and bills else {}
    found = [
        warned
        for org_id, bill in bills.items()
        for of_org, org_items in [(seen.get(org_id, NOTHING_SEEN), held.get(org_id, NO_ITEMS))]
        for pace in [Pace(part.month, bill.lines, known[org_id], org_items.discounts, org_items.credits, of_org.grown)]
        for budget in by_org[org_id]
        if budget.currency == bill.currency
        for warned in marks_passed(budget, part.month, _spending(part, budget, pace, of_org.days))
    ]
    new = _tell(part, budgets, found, letters)
    if looked_at:
        budgets.watched(part.month, looked_at, telling)
    return new


def _tell(part: ShardMonth, budgets: Budgets, found: Sequence[Warned], letters: Letters | None) -> Sequence[Warned]:
    told = budgets.told(part.month, sorted({each.budget.org_id for each in found})) if found else ()
    new = [each for each in found if each.warning_id not in told]
    return budgets.tell(new, letters.mail if letters else lambda *_: None, part.now) if new else ()


def _looked_at(
    part: ShardMonth, unwatched: Iterable[Unwatched], known: Mapping[str, Known], by_org: Mapping[str, Sequence[Budget]]
) -> Iterator[LookedAt]:
    for each in unwatched:
        of_org = known[each.org_id]
        if (up_to := of_org.usage_up_to) is not None:
            scopes = set[Scope]() if each.silent else {scope_of(budget.scope) for budget in by_org[each.org_id]}
            tells = forecast_tells(part.month, part.now, of_org.up_to)
            yield LookedAt(each.org_id, up_to, scopes, of_org if tells else None)


def _spending(part: ShardMonth, budget: Budget, pace: Pace, ends: ScopesByDay) -> Spending:
    tells = forecast_tells(part.month, part.now, pace.known.up_to)
    return Spending(
        spent_minor=share_minor(pace.lines, budget.scope),
        forecast_minor=part_minor(pace, budget.scope) if tells else None,
        days=list(_days(part.month, ends.get(scope_of(budget.scope), ()))),
    )


def _days(month: Month, ends: Iterable[ByNow]) -> Iterator[tuple[date, int]]:
    """What each day came to: by its end, less by the end of the day before."""
    before: int | None = None
    for day, by_now in ends:
        if before is not None or day == month.first_day:
            yield day, by_now - (before or 0)
        before = by_now
