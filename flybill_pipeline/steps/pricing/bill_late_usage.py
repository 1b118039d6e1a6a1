"""What is still to bill for months that are settled: late usage, corrections, changed prices. One formula (DESIGN §3).

For an earlier service month: the lines priced from all that is known now, less what settled months billed for it. Only
orgs whose usage or prices changed since are priced again; who they are is asked in one query, not found out by pricing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flybill_pipeline.billing.invoicing.basis import Basis, terms
from flybill_pipeline.billing.invoicing.commitments import true_up_line
from flybill_pipeline.billing.invoicing.late_usage import BilledLine, unbilled
from flybill_pipeline.billing.invoicing.outcomes import Problem
from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, fingerprint
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.price_usage import Books, usage_of
from flybill_pipeline.steps.pricing.price_usage import Usage as MonthUsage


class Usage(MonthUsage, Protocol):
    """The exact usage totals of a month, and what tells cheaply whether they changed."""

    def version(self, month: Month) -> str: ...
    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Mapping[str, str]: ...


class Ledger(Protocol):
    """What settled months billed."""

    def bases(self, service_month: Month, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, Basis]: ...
    def billed(
        self, service_month: Month, except_month: Month, shard: int, org_ids: Collection[str]
    ) -> Mapping[str, Sequence[BilledLine]]: ...


@dataclass(frozen=True, slots=True)
class LatePart:
    """What one org still owes for one service month; `basis` is what that was found from."""

    lines: tuple[LineItem, ...]
    problems: tuple[Problem, ...]
    basis: Basis


def late_parts(
    service_month: Month,
    month: Month,
    shard: int,
    usage: Usage,
    ledger: Ledger,
    books: Books,
    fixed: Mapping[str, Sequence[LineItem]],
    org_ids: Collection[str] = (),
) -> dict[str, LatePart]:
    """Per org whose usage or terms of `service_month` changed since it was last billed, what `month` has to bill.

    `books` are those of the service month, `fixed` each org's lines of it that do not come from usage.
    """
    changed = {
        org_id: (basis, now)
        for org_id, basis, now in _compared(service_month, shard, usage, ledger, books, fixed, org_ids)
        if (basis.usage_fingerprint, basis.terms) != (now.usage_fingerprint, now.terms)
    }
    if not changed:
        return {}
    in_force = {now.currency or "": books(now.currency or "") for _, now in changed.values()}
    found = usage_of(list(changed), service_month, shard, usage, list(in_force.values()), service_month.end)
    used = {each.org_id: each for each in found}
    billed = ledger.billed(service_month, month, shard, list(changed))
    return {
        org_id: _part(
            now, in_force[now.currency or ""], used.get(org_id), fixed.get(org_id, ()), billed.get(org_id, ())
        )
        for org_id, (_, now) in changed.items()
    }


def changed_usage(service_month: Month, shard: int, usage: Usage, ledger: Ledger) -> list[str]:
    """The orgs whose usage of a settled month changed since it was last billed; nothing is priced."""
    found = _compared(service_month, shard, usage, ledger, lambda _: None, {}, ())
    return sorted(org for org, basis, now in found if basis.usage_fingerprint != now.usage_fingerprint)


def _compared(
    service_month: Month,
    shard: int,
    usage: Usage,
    ledger: Ledger,
    books: Books,
    fixed: Mapping[str, Sequence[LineItem]],
    org_ids: Collection[str],
) -> Iterator[tuple[str, Basis, Basis]]:
    """Every org that was settled, with what it was billed from and what it would be billed from now.

    The version is read before the fingerprints, and these before the usage: what changes in between is priced again
    the next time, never overlooked.
    """
    bases = ledger.bases(service_month, shard, org_ids)
    prices = {one: fingerprint(books(one or "")) for one in {basis.currency for basis in bases.values()}}
    version = usage.version(service_month)
    as_it_was = all(basis.usage_version == version for basis in bases.values())
    prints = None if as_it_was else usage.fingerprints(service_month, shard, org_ids)
    for org_id, basis in bases.items():
        print_now = basis.usage_fingerprint if prints is None else prints.get(org_id, "")
        terms_now = terms(prices[basis.currency], basis.contract, fixed.get(org_id, ()))
        yield (
            org_id,
            basis,
            replace(basis, usage_version=version, usage_fingerprint=print_now, terms=terms_now),
        )


def _part(
    basis: Basis,
    books: BooksOfMonth | None,
    used: OrgUsage | None,
    fixed: Sequence[LineItem],
    billed: Sequence[BilledLine],
) -> LatePart:
    month = basis.service_month
    if books is None:
        problem = _problem("no_price_book", month, f"no price book in {basis.currency} is in force", "add it again")
        return LatePart((), (problem,), basis)
    priced = price_month(books, basis.contract, used.totals if used else ())
    if priced.unpriced:
        problems = tuple(_problem(found.code, month, found.message, found.remedy) for found in priced.unpriced)
        return LatePart((), problems, basis)
    lines = [*priced.lines, *fixed]
    contract = books.parts[-1].book.contracts.get(basis.contract or "")
    if contract is not None and contract.minimum_spend is not None:
        minimum = to_minor(contract.minimum_spend, books.parts[-1].book.currency)
        true_up = true_up_line(lines, contract.name, minimum, books.parts[-1].book.currency, month)
        lines += [] if true_up is None else [true_up]
    return LatePart(tuple(_named(line) for line in unbilled(lines, billed)), (), basis)


def _named(line: LineItem) -> LineItem:
    return line._replace(description=f"{line.description} ({line.service_month})")


def _problem(code: str, month: Month, message: str, remedy: str) -> Problem:
    """Without a quantity: what waits is usage of another month, whose own account says so."""
    return Problem(code, f"Late usage of {month} cannot be priced: {message}.", f"{remedy[0].upper()}{remedy[1:]}.")
