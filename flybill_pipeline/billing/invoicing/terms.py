"""What an organization is billed by, with its beginning: currency and contract, as they hold in the days of a month.

Terms hold from a moment on, until others do. A month is priced by the terms of its own days, whenever it is priced: so
what is signed in the first days of a month changes nothing of the month before. What prices are under a contract: not
here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import ContractDays

EVER = datetime.min.replace(tzinfo=UTC)


class Term(NamedTuple):
    """From the moment `starts` (UTC) on, `value` holds; None: nothing does."""

    starts: datetime
    value: str | None


Terms = tuple[Term, ...]
"""The terms of one kind, by their start; before the first nothing holds."""


@dataclass(frozen=True, slots=True)
class BilledOrg:
    """Whom a month is priced for: its currency, and the contracts of the month's days, in order; often none."""

    org_id: str
    currency: str
    contracts: tuple[ContractDays, ...] = ()


@dataclass(frozen=True, slots=True)
class OrgTerms:
    """What was ever stated of an organization. `currency` is the newest, and its only one where none was dated."""

    org_id: str
    currency: str
    currencies: Terms = ()
    contracts: Terms = ()

    def in_month(self, month: Month) -> BilledOrg:
        """The terms of the month's days."""
        currency = holds_at(self.currencies, month.start) or self.currency
        return BilledOrg(self.org_id, currency, contract_days(self.contracts, month))

    def currencies_from(self, moment: datetime) -> list[str]:
        """The currencies in which it is billed at `moment` or later, in order."""
        then = holds_at(self.currencies, moment) or self.currency
        later = [term.value for term in self.currencies if term.starts > moment and term.value is not None]
        return list(dict.fromkeys([then, *later]))


def in_order(stated: Iterable[Term]) -> Terms:
    """The terms that were stated one after the other: of two with one start the later one counts."""
    by_start = {term.starts: term for term in stated}
    return tuple(by_start[start] for start in sorted(by_start))


def holds_at(terms: Terms, moment: datetime) -> str | None:
    """What holds at `moment`."""
    value = None
    for term in terms:
        if term.starts <= moment:
            value = term.value
    return value


@lru_cache(maxsize=10_000)
def contract_days(contracts: Terms, month: Month) -> tuple[ContractDays, ...]:
    """The contracts of the month's days. A day is under the contract that holds as it begins: usage is known by day."""
    days: list[ContractDays] = []
    for day in month.days():
        contract = holds_at(contracts, datetime(day.year, day.month, day.day, tzinfo=UTC))
        if contract is None:
            continue
        if days and days[-1].contract == contract and days[-1].end == day:
            days[-1] = days[-1]._replace(end=day + timedelta(days=1))
        else:
            days.append(ContractDays(contract, day, day + timedelta(days=1)))
    return tuple(days)


def span_in(terms: Terms, month: Month) -> tuple[datetime, datetime | None]:
    """When what holds in the month began, and when it ends; None: no end is stated. Raises ValueError: nothing holds.

    Of several that follow one another in the month it is the first one's beginning, and the last one's end.
    """
    told = [
        term for before, term in zip((None, *terms), terms, strict=False) if not before or before.value != term.value
    ]
    ends = [*(term.starts for term in told[1:]), None]
    spans = [
        (term.starts, end)
        for term, end in zip(told, ends, strict=True)
        if term.value is not None and term.starts < month.end and (end is None or end > month.start)
    ]
    if not spans:
        raise ValueError(f"nothing holds in {month}")
    return spans[0][0], spans[-1][1]


def stated(terms: Terms, value: str | None, start: datetime, end: datetime | None = None) -> tuple[Term, ...]:
    """What must be added to `terms` so that `value` holds from `start` on: until `end`, or until other terms begin.

    With an `end` nothing else holds in between, and from then on nothing does, unless other terms begin just there.
    """
    added = [Term(start, value)]
    if end is not None:
        added += [Term(term.starts, value) for term in terms if start < term.starts < end]
        if not any(term.starts == end for term in terms):
            added.append(Term(end, None))
    known = {term.starts: term for term in terms}
    return tuple(term for term in added if known.get(term.starts) != term)


def stated_for_good(terms: Terms, value: str, start: datetime) -> tuple[Term, ...]:
    """What must be added to `terms` so that `value` holds from `start` on, and goes on until another value begins."""
    following = next((term.starts for term in terms if term.starts > start and term.value is not None), None)
    gaps = [term for term in terms if term.starts > start and (following is None or term.starts < following)]
    return (*stated(terms, value, start), *(Term(term.starts, value) for term in gaps))


def ended(terms: Terms, end: datetime) -> tuple[Term, ...] | None:
    """What must be added to `terms` so that what began last before `end` ends just there; None: nothing began."""
    begun = _last_begun([term for term in terms if term.starts < end])
    return None if begun is None else stated(terms, begun.value, begun.starts, end)


def not_ended(terms: Terms) -> tuple[Term, ...]:
    """What must be added to `terms` so that what begins last goes on for good; none where nothing does."""
    begun = _last_begun(terms)
    return () if begun is None or begun.value is None else stated_for_good(terms, begun.value, begun.starts)


def none_from(terms: Terms, start: datetime) -> tuple[Term, ...]:
    """What must be added to `terms` so that nothing holds from `start` on, nor begins later."""
    added = () if holds_at(terms, start) is None else stated(terms, None, start)
    return (*added, *(Term(term.starts, None) for term in terms if term.starts > start and term.value is not None))


def _last_begun(terms: Sequence[Term]) -> Term | None:
    """The last term that holds something."""
    begun = [term for term in terms if term.value is not None]
    return begun[-1] if begun else None


def named(contracts: tuple[ContractDays, ...], month: Month) -> str | None:
    """The contracts of a month as a text: the name of one that holds on all days, else each with its days."""
    if not contracts:
        return None
    if len(contracts) == 1 and contracts[0].start == month.first_day and contracts[0].end > month.last_day:
        return contracts[0].contract
    return ", ".join(f"{each.contract} from {each.start} until {each.end}" for each in contracts)


def known_then(stated_since: Sequence[Term], named_then: Mapping[Month, str | None]) -> Terms | None:
    """The contracts as they were known when they were called `named_then` in these months; None: never.

    `stated_since` is all that was stated, in that order. Of several states of knowledge that fit it is the newest.
    """
    for upto in range(len(stated_since), -1, -1):
        known = in_order(stated_since[:upto])
        if all(named(contract_days(known, month), month) == name for month, name in named_then.items()):
            return known
    return None
