"""What is still to bill for months that are settled: late usage, corrections, changed prices. One formula.

For an earlier service month: the lines priced from all that is known now, less what settled months billed for it. Only
orgs whose usage or prices changed since are priced again; who they are is asked in one query, not found out by pricing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flybill_pipeline.billing.invoicing.basis import Basis, terms_fingerprint
from flybill_pipeline.billing.invoicing.commitments import commitment_in, true_up_line
from flybill_pipeline.billing.invoicing.items.all_items import NO_ITEMS, OrgItems, advance_lines, fixed_lines
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.late_usage import BilledLine, as_billed, unbilled
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.reckoned_discounts import DISCOUNT, less_taken_off, reckoned
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import OrgTerms, named
from flybill_pipeline.billing.invoicing.waivers import WaivedMonth, after_discounts, is_kept, not_given_back, waived_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, ContractDays, fingerprint
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.price_org import BooksFor, books_under, usage_of
from flybill_pipeline.steps.pricing.price_org import Usage as MonthUsage


class Usage(MonthUsage, Protocol):
    """The exact usage totals of a month, and what tells cheaply whether they changed."""

    def version(self, month: Month) -> str: ...
    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Mapping[str, str]: ...


class Ledger(Protocol):
    """What settled months billed."""

    def bases(
        self, service_months: Collection[Month], shard: int, org_ids: Collection[str] = ()
    ) -> Mapping[Month, Mapping[str, Basis]]: ...
    def billed(
        self, service_month: Month, except_month: Month, shard: int, org_ids: Collection[str]
    ) -> Mapping[str, Sequence[BilledLine]]: ...
    def waived(
        self, service_month: Month, except_month: Month, org_ids: Collection[str]
    ) -> Mapping[str, Sequence[WaivedMonth]]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is known now of every month: usage, what was billed, price books, and the orgs' items and terms."""

    usage: Usage
    ledger: Ledger
    books: Callable[[Month], BooksFor]
    items: Mapping[str, OrgItems]
    terms: Mapping[str, OrgTerms]

    def contracts(self, org_id: str, month: Month) -> tuple[ContractDays, ...]:
        """The contracts of an org in the days of a month."""
        terms = self.terms.get(org_id)
        return () if terms is None else terms.in_month(month).contracts


@dataclass(frozen=True, slots=True)
class LatePart:
    """What one org still owes for one service month; `basis` is what that was found from.

    `reckoned`: the lines met the discounts of their own month. Months that were settled before these were kept cannot
    say which they were: there it is the discounts of the invoice that the lines meet.
    """

    lines: tuple[LineItem, ...]
    problems: tuple[HoldReason, ...]
    basis: Basis

    @property
    def reckoned(self) -> bool:
        return self.basis.discounts is not None


def late_parts(service_month: Month, part: ShardMonth, known: Known, bases: Mapping[str, Basis]) -> dict[str, LatePart]:
    """Per org whose usage or terms of `service_month` changed since it was last billed, what `part` has to bill.

    `bases` are what that month was last billed from.
    """
    changed = {
        org_id: now
        for org_id, basis, now in _compared(service_month, part, known, bases)
        if (basis.usage_fingerprint, basis.terms) != (now.usage_fingerprint, now.terms)
    }
    if not changed:
        return {}
    books = known.books(service_month)
    in_force = {
        org_id: books_under(books(now.currency or ""), known.contracts(org_id, service_month))
        for org_id, now in changed.items()
    }
    asked = ShardMonth(service_month, part.shard, service_month.end, list(changed))
    used = {each.org_id: each for each in usage_of(asked, known.usage, set(in_force.values()))}
    billed = _billed(service_month, part.month, asked, known, changed)
    waived = known.ledger.waived(service_month, part.month, asked.only)
    return {
        org_id: _part(
            now,
            in_force[org_id],
            used.get(org_id),
            known.items.get(org_id, NO_ITEMS),
            _Before(billed.get(org_id, ()), waived.get(org_id, ())),
        )
        for org_id, now in changed.items()
    }


def changed_usage(service_month: Month, shard: int, usage: Usage, ledger: Ledger) -> list[str]:
    """The orgs whose usage of a settled month changed since it was last billed; nothing is priced."""
    bases = ledger.bases([service_month], shard)[service_month]
    _, prints = _usage_now(ShardMonth(service_month, shard, service_month.end), usage, bases)
    if prints is None:
        return []
    return sorted(org for org, basis in bases.items() if basis.usage_fingerprint != prints.get(org, ""))


def discounts_of_paid_ahead(month: Month, part: ShardMonth, known: Known) -> dict[str, tuple[LineItem, ...]]:
    """Per org what the discounts of `month` take off what it billed in advance, as known now, less what they took off.

    `month` is too old to be billed again, and the one after it is not: its plans may have changed. What the older month
    billed of its own stays as it is.
    """
    with_plans = [org_id for org_id, items in known.items.items() if items.subscriptions]
    bases = known.ledger.bases([month], part.shard, with_plans)[month] if with_plans else {}
    discounted = {org_id: basis for org_id, basis in bases.items() if basis.discounts}
    asked = ShardMonth(month, part.shard, month.end, list(discounted))
    billed = _billed(month, part.month, asked, known, discounted) if discounted else {}
    again: dict[str, tuple[LineItem, ...]] = {}
    for org_id, lines in billed.items():
        basis, items = discounted[org_id], known.items.get(org_id, NO_ITEMS)
        discounts = _discounts(basis, as_billed(_own(month, lines)), items, lines)
        again[org_id] = tuple(_named(line) for line in _taken_off(basis, discounts, items, lines))
    return again


def _compared(
    service_month: Month, part: ShardMonth, known: Known, bases: Mapping[str, Basis]
) -> Iterator[tuple[str, Basis, Basis]]:
    """Every org that was settled, with what it was billed from and what it would be billed from now."""
    books = known.books(service_month)
    prices = {one: fingerprint(books(one or "")) for one in {basis.currency for basis in bases.values()}}
    version, prints = _usage_now(replace(part, month=service_month), known.usage, bases)
    for org_id, basis in bases.items():
        print_now = basis.usage_fingerprint if prints is None else prints.get(org_id, "")
        contracts = known.contracts(org_id, service_month)
        terms_now = terms_of(basis, prices[basis.currency], known.items.get(org_id, NO_ITEMS), contracts)
        yield (
            org_id,
            basis,
            replace(basis, usage_version=version, usage_fingerprint=print_now, terms=terms_now),
        )


def _usage_now(part: ShardMonth, usage: Usage, bases: Mapping[str, Basis]) -> tuple[str, Mapping[str, str] | None]:
    """The version of the month's usage now, and each org's fingerprint; None where all `bases` are of that version.

    The version is read before the fingerprints, and these before the usage: what changes in between is priced again
    the next time, never overlooked.
    """
    version = usage.version(part.month)
    if all(basis.usage_version == version for basis in bases.values()):
        return version, None
    return version, usage.fingerprints(part.month, part.shard, part.only)


def terms_of(basis: Basis, prices: str, items: OrgItems, contracts: tuple[ContractDays, ...]) -> str:
    """The fingerprint of the terms of `basis` by what is known now; `prices` is that of the books."""
    month, held = basis.service_month, _held(basis, items)
    ahead = advance_lines(items, month.next()) if held else ()
    return terms_fingerprint(prices, named(contracts, month), fixed_lines(items, month), held, ahead)


def _held(basis: Basis, items: OrgItems) -> list[Discount]:
    """The discounts that held in the month when it was first priced."""
    ids = set(basis.discounts or ())
    return sorted((each for each in items.discounts if each.discount_id in ids), key=lambda each: each.discount_id)


def _billed(
    service_month: Month, month: Month, asked: ShardMonth, known: Known, changed: Mapping[str, Basis]
) -> Mapping[str, Sequence[BilledLine]]:
    """What settled months billed for `service_month`; where discounts held, also for the month after it."""
    billed = {
        org_id: list(lines)
        for org_id, lines in known.ledger.billed(service_month, month, asked.shard, asked.only).items()
    }
    discounted = [org_id for org_id, basis in changed.items() if basis.discounts]
    if discounted:
        for org_id, lines in known.ledger.billed(service_month.next(), month, asked.shard, discounted).items():
            billed.setdefault(org_id, []).extend(lines)
    return billed


@dataclass(frozen=True, slots=True)
class _Before:
    """What settled months billed one org for a service month (and for the next one), and which of them were waived."""

    billed: Sequence[BilledLine]
    waived: Sequence[WaivedMonth]


def _part(
    basis: Basis, books: BooksOfMonth | None, used: OrgUsage | None, items: OrgItems, before: _Before
) -> LatePart:
    month = basis.service_month
    if books is None:
        problem = _problem("no_price_book", month, f"no price book in {basis.currency} is in force", "add it again")
        return LatePart((), (problem,), basis)
    priced = price_month(books, used.totals if used else ())
    if priced.unpriced:
        problems = tuple(_problem(each.code, month, each.message, each.remedy) for each in priced.unpriced)
        return LatePart((), problems, basis)
    lines = [*priced.lines, *fixed_lines(items, month)]
    lines += _true_up(basis, books, lines)
    discounts = _discounts(basis, lines, items, before.billed)
    late = [*unbilled(lines, _own(month, before.billed)), *_taken_off(basis, discounts, items, before.billed)]
    counted = [line for line in lines if line.currency == basis.currency]
    late += _kept(basis, after_discounts(counted, discounts), before)
    return LatePart(tuple(_named(line) for line in late), (), basis)


def _taken_off(
    basis: Basis, discounts: Sequence[LineItem], items: OrgItems, billed: Sequence[BilledLine]
) -> tuple[LineItem, ...]:
    """What goes back to credits depends on what each line comes to."""
    return less_taken_off(basis.service_month, discounts, billed, moved=bool(items.credits))


def _kept(basis: Basis, comes_to_minor: int, before: _Before) -> tuple[LineItem, ...]:
    month, currency = basis.service_month, basis.currency or ""
    waived = waived_of(month, currency, before.waived)
    billed = [line for line in before.billed if line.service_month == month]
    return not_given_back(month, currency, waived, comes_to_minor, billed)


def _own(month: Month, billed: Iterable[BilledLine]) -> list[BilledLine]:
    """What was billed of the month itself: not what was taken off it, nor what of that was not given back."""
    return [line for line in billed if line.service_month == month and line.kind != DISCOUNT and not is_kept(line)]


def _discounts(
    basis: Basis, lines: Sequence[LineItem], items: OrgItems, billed: Sequence[BilledLine]
) -> tuple[LineItem, ...]:
    month = basis.service_month
    ahead, held = advance_lines(items, month.next()), _held(basis, items)
    return reckoned(month, lines, ahead, billed, held, basis.currency or "")


def _true_up(basis: Basis, books: BooksOfMonth, lines: Sequence[LineItem]) -> list[LineItem]:
    commitment = commitment_in(books)
    if commitment is None:
        return []
    currency = books.parts[-1].book.currency
    counted = [line for line in lines if line.currency == currency]
    true_up = true_up_line(counted, commitment, currency, basis.service_month)
    return [] if true_up is None else [true_up]


def _named(line: LineItem) -> LineItem:
    return line._replace(description=f"{line.description} ({line.service_month})")


def _problem(code: str, month: Month, message: str, remedy: str) -> HoldReason:
    """Without a quantity: what waits is usage of another month, whose own account says so."""
    return HoldReason(code, f"Late usage of {month} cannot be priced: {message}.", f"{remedy[0].upper()}{remedy[1:]}.")
