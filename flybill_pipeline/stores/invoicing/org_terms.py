"""The terms of organizations at rest, rows that are only added; what a row of a file adds to them, and may not.

What terms mean for a month: billing's terms.py.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from flybill_pipeline.billing.invoicing.items.still_billed import still_billed
from flybill_pipeline.billing.invoicing.terms import (
    EVER,
    OrgTerms,
    Term,
    Terms,
    contract_days,
    ended,
    holds_at,
    in_order,
    none_from,
    not_ended,
    stated,
    stated_for_good,
)
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.settled import settled_and_held
from flybill_pipeline.stores.invoicing.tables import organization_terms, organizations, outcomes

CONTRACT, CURRENCY = "contract", "currency"


class ImportRefusedError(Exception):
    """A file with faults in it; nothing of it was stored. `faults` name file, row and remedy."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class TermsRow:
    """What a row of a file says of terms. None and False: nothing. All moments are UTC.

    `contract_goes_on` takes the stored end away, `ends_contract` says that none holds: from `contract_from` on, or from
    the moment of the import.
    """

    currency: str
    contract: str | None = None
    ends_contract: bool = False
    contract_from: datetime | None = None
    contract_until: datetime | None = None
    contract_goes_on: bool = False
    currency_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class TermsChange:
    """A row of a file, whose `place` names file and row, beside what is stored; None: the organization is new."""

    place: str
    org_id: str
    row: TermsRow
    stored: OrgTerms | None

    @property
    def changes_currency(self) -> bool:
        """Whether the row says another currency than what holds from its moment on."""
        if self.stored is None:
            return False
        start = self.row.currency_from
        return self.row.currency != ((start and holds_at(self.stored.currencies, start)) or self.stored.currency)


class ContractMonths(NamedTuple):
    """Per org the settled months whose contract changes: a later invoice bills the `adjusted` ones, none the `kept`."""

    adjusted: dict[str, list[Month]]
    kept: dict[str, list[Month]]


def read_terms(
    connection: Connection, shard: int | None = None, org_ids: Collection[str] = ()
) -> dict[str, dict[str, Terms]]:
    """Per org and kind its terms in order; an org without any is absent."""
    term = organization_terms.c
    query = select(term.org_id, term.kind, term.starts_at, term.value).order_by(term.entry_id)
    if shard is not None:
        query = query.join(organizations, organizations.c.org_id == term.org_id).where(organizations.c.shard == shard)
    if org_ids:
        query = query.where(term.org_id.in_(org_ids))
    entries: dict[str, dict[str, list[Term]]] = {}
    for org_id, kind, starts, value in connection.execute(query):
        entries.setdefault(org_id, {}).setdefault(kind, []).append(Term(starts, value))
    return {org_id: {kind: in_order(each) for kind, each in of_kind.items()} for org_id, of_kind in entries.items()}


def added_terms(change: TermsChange, now: datetime) -> Iterator[tuple[str, Term]]:
    """The kind and term of each row that a change adds; none when it says what is stored already."""
    contracts = () if change.stored is None else change.stored.contracts
    yield from ((CONTRACT, term) for term in _added_contracts(change.row, contracts, now))
    if change.stored is not None and change.row.currency_from is not None and change.changes_currency:
        if not change.stored.currencies:
            yield CURRENCY, Term(EVER, change.stored.currency)
        yield CURRENCY, Term(change.row.currency_from, change.row.currency)


def newest_currency(change: TermsChange, added: Sequence[tuple[str, Term]]) -> str:
    """The currency that holds last, once `added` is."""
    if change.stored is None:
        return change.row.currency
    currencies = in_order([*change.stored.currencies, *(term for kind, term in added if kind == CURRENCY)])
    return (currencies[-1].value if currencies else None) or change.stored.currency


def _added_contracts(row: TermsRow, contracts: Terms, now: datetime) -> tuple[Term, ...]:
    start = row.contract_from or now
    if row.contract is not None and row.contract_goes_on:
        return stated_for_good(contracts, row.contract, start)
    if row.contract is not None:
        return stated(contracts, row.contract, start, row.contract_until)
    if row.ends_contract:
        return none_from(contracts, start)
    if row.contract_until is not None:
        return ended(contracts, row.contract_until) or ()
    return not_ended(contracts) if row.contract_goes_on else ()


def require_contracts(changes: Sequence[TermsChange]) -> None:
    """Raises ImportRefusedError for each end that is no contract's."""
    faults = [
        f"{change.place}: {change.org_id} has no contract that begins before contract_until "
        f"{row.contract_until:%Y-%m-%d}: leave it empty, or say in contract and contract_from which contract it ends"
        for change in changes
        if (row := change.row).contract_until is not None
        and row.contract is None
        and ended(change.stored.contracts if change.stored else (), row.contract_until) is None
    ]
    if faults:
        raise ImportRefusedError(faults)


def require_currencies(connection: Connection, changes: Sequence[TermsChange]) -> None:
    """Raises ImportRefusedError for each change of a currency that has no beginning, or begins in a settled month."""
    changing = [change for change in changes if change.changes_currency]
    if not changing:
        return
    settled = _last_settled(connection, [change.org_id for change in changing])
    faults = [fault for change in changing if (fault := _currency_fault(change, settled.get(change.org_id)))]
    if faults:
        raise ImportRefusedError(faults)


def _currency_fault(change: TermsChange, settled: Month | None) -> str | None:
    start, stored = change.row.currency_from, change.stored
    if start is None and stored is not None:
        return (
            f"{change.place}: {change.org_id} is billed in {stored.currency}: say in currency_from from which month on "
            f"it is billed in {change.row.currency}, such as 2026-10-01"
        )
    if settled is not None and start is not None and start < settled.end:
        return (
            f"{change.place}: {settled} of {change.org_id} is billed already: a change of its currency can begin with "
            f"{settled.next()} (currency_from {settled.next().first_day})"
        )
    return None


def changed_contracts(
    connection: Connection, changes: Sequence[TermsChange], now: datetime, lookback_months: int
) -> ContractMonths:
    """The settled months that would be under other contracts: those that invoices look back to, and older ones."""
    stored = {change.org_id: change for change in changes if change.stored is not None}
    settled, _ = settled_and_held(connection, list(stored))
    found = ContractMonths({}, {})
    for org_id, months in settled.items():
        before = change.contracts if (change := stored[org_id].stored) else ()
        added = [term for kind, term in added_terms(stored[org_id], now) if kind == CONTRACT]
        after = in_order([*before, *added])
        for month in sorted(months):
            if contract_days(before, month) != contract_days(after, month):
                billed_again = still_billed(month, months, lookback_months) == month
                (found.adjusted if billed_again else found.kept).setdefault(org_id, []).append(month)
    return found


def _last_settled(connection: Connection, org_ids: Sequence[str]) -> dict[str, Month]:
    done = outcomes.c
    query = (
        select(done.org_id, func.max(done.month))
        .where(done.org_id.in_(org_ids), done.outcome != "held")
        .group_by(done.org_id)
    )
    return {org_id: Month.parse(month) for org_id, month in connection.execute(query)}
