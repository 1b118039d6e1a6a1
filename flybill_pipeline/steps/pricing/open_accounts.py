"""Opens the accounts of a shard's orgs before a month is priced: what bills hold beside the month's own usage."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flybill_pipeline.billing.invoicing.account import Account
from flybill_pipeline.billing.invoicing.basis import Basis, terms
from flybill_pipeline.billing.invoicing.items.all_items import NO_ITEMS, OrgItems, advance_lines, fixed_lines
from flybill_pipeline.billing.invoicing.late_usage import BilledLine, unbilled
from flybill_pipeline.billing.invoicing.outcomes import Problem
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, fingerprint
from flybill_pipeline.steps.pricing.bill_late_usage import LatePart, Ledger, Usage, changed_usage, late_parts
from flybill_pipeline.steps.pricing.price_usage import Organization

REPORTED_MONTHS = 12  # how far back usage that comes too late is looked for


class Items(Protocol):
    """Plans, one-off items, credits and discounts."""

    def of(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, OrgItems]: ...


class Settled(Ledger, Protocol):
    """What settled months billed, and how many there are."""

    def settled_months(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Accounts:
    """Where accounts come from. `books` gives a month's price books; `lookback_months` is how late is not too late."""

    usage: Usage
    ledger: Settled
    items: Items
    books: Callable[[Month], Callable[[str], BooksOfMonth | None]]
    lookback_months: int

    def of(
        self, month: Month, shard: int, orgs: Sequence[Organization], only: Collection[str] = ()
    ) -> dict[str, Account]:
        """The account of each of `orgs`, which are all of the shard's, or just those of `only`.

        Must be read before the usage that is priced with it: see Basis.
        """
        settled = self.ledger.settled_months(shard, only)
        items = self.items.of(shard, only)
        own = self._own_bases(month, shard, orgs, only, items)
        ahead = self._billed_in_advance(month, shard, items)
        late: dict[str, list[LatePart]] = {}
        for service_month in self._earlier(month):
            for org_id, part in self._late(service_month, month, shard, only, items).items():
                late.setdefault(org_id, []).append(part)
        return {
            org.org_id: _account(
                org,
                own[org.org_id],
                items.get(org.org_id, NO_ITEMS),
                ahead.get(org.org_id, ()),
                late.get(org.org_id, ()),
                settled.get(org.org_id, 0),
            )
            for org in orgs
        }

    def too_late(self, month: Month, shard: int) -> list[tuple[str, Month]]:
        """Each org and service month of which usage came after the last invoice that could still bill it."""
        found, service_month = [], month
        for distance in range(1, REPORTED_MONTHS + 1):
            service_month = service_month.previous()
            if distance > self.lookback_months:
                found += [(org, service_month) for org in changed_usage(service_month, shard, self.usage, self.ledger)]
        return found

    def _earlier(self, month: Month) -> list[Month]:
        months: list[Month] = []
        for _ in range(self.lookback_months):
            month = month.previous()
            months.insert(0, month)
        return months

    def _own_bases(
        self,
        month: Month,
        shard: int,
        orgs: Sequence[Organization],
        only: Collection[str],
        items: Mapping[str, OrgItems],
    ) -> dict[str, Basis]:
        version, books = self.usage.version(month), self.books(month)
        prints = self.usage.fingerprints(month, shard, only)
        prices = {currency: fingerprint(books(currency)) for currency in {org.currency for org in orgs}}
        return {
            org.org_id: Basis(
                service_month=month,
                usage_version=version,
                usage_fingerprint=prints.get(org.org_id, ""),
                terms=terms(prices[org.currency], org.contract, fixed_lines(items.get(org.org_id, NO_ITEMS), month)),
                contract=org.contract,
                currency=org.currency,
            )
            for org in orgs
        }

    def _late(
        self,
        service_month: Month,
        month: Month,
        shard: int,
        only: Collection[str],
        items: Mapping[str, OrgItems],
    ) -> dict[str, LatePart]:
        books = self.books(service_month)
        fixed = {org_id: fixed_lines(found, service_month) for org_id, found in items.items()}
        return late_parts(service_month, month, shard, self.usage, self.ledger, books, fixed, only)

    def _billed_in_advance(
        self, month: Month, shard: int, items: Mapping[str, OrgItems]
    ) -> dict[str, Sequence[BilledLine]]:
        """Per org with plans the lines that other months billed for `month` and for the one after it."""
        with_plans = [org_id for org_id, found in items.items() if found.subscriptions]
        if not with_plans:
            return {}
        found: dict[str, list[BilledLine]] = {}
        for service_month in (month, month.next()):
            for org_id, lines in self.ledger.billed(service_month, month, shard, with_plans).items():
                # What a later month that was settled first billed of its own is that month's to compare.
                plans = {line.line_id for line in advance_lines(items[org_id], service_month)}
                found.setdefault(org_id, []).extend(
                    line for line in lines if service_month == month or line.line_id in plans
                )
        return dict(found)


def _account(
    org: Organization,
    own: Basis,
    items: OrgItems,
    ahead: Sequence[BilledLine],
    late: Sequence[LatePart],
    settled_months: int,
) -> Account:
    month = own.service_month
    now = (*fixed_lines(items, month), *advance_lines(items, month.next()))
    problems = [problem for part in late for problem in part.problems]
    problems += [_other_currency(org, part.basis) for part in late if part.basis.currency != org.currency]
    problems += [_clash(org, line) for line in now if line.currency != org.currency]
    return Account(
        fixed=tuple(line for line in unbilled(now, ahead) if line.currency == org.currency),
        billed_before_minor=sum(line.amount_minor for line in ahead if line.service_month == month),
        credits=items.credits,
        discounts=items.discounts,
        late=tuple(line for part in late for line in part.lines if line.currency == org.currency),
        problems=tuple(problems),
        bases=(own, *(part.basis for part in late)),
        settled_months=settled_months,
    )


def _clash(org: Organization, line: LineItem) -> Problem:
    return Problem(
        code="currency_clash",
        message=f"{line.description} is in {line.currency}, and the organization is billed in {org.currency}.",
        remedy=f"End it, import it anew in {org.currency}, then repair the month.",
    )


def _other_currency(org: Organization, basis: Basis) -> Problem:
    return Problem(
        code="currency_changed",
        message=f"{basis.service_month} was billed in {basis.currency}, and now the organization is billed in "
        f"{org.currency}: what came late for {basis.service_month} cannot be on this invoice.",
        remedy="Give the organization its earlier currency back, close the month, then change it.",
    )
