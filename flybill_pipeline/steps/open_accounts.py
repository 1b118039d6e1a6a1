"""Opens the accounts of a shard's orgs before a month is priced: what bills hold beside the month's own usage."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flybill_pipeline.billing.account import Account
from flybill_pipeline.billing.basis import Basis, fingerprint_of_prices, terms
from flybill_pipeline.billing.outcomes import Problem
from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.price_changes import BooksOfMonth
from flybill_pipeline.steps.bill_late_usage import LatePart, Ledger, Usage, changed_usage, late_parts

REPORTED_MONTHS = 12  # how far back usage that comes too late is looked for


class Organization(Protocol):
    """Who is billed, as far as accounts care."""

    @property
    def org_id(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def contract(self) -> str | None: ...


class Settled(Ledger, Protocol):
    """What settled months billed, and how many there are."""

    def settled_months(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Accounts:
    """Where accounts come from. `books` gives a month's price books; `lookback_months` is how late is not too late."""

    usage: Usage
    ledger: Settled
    books: Callable[[Month], Callable[[str], BooksOfMonth | None]]
    lookback_months: int

    def of(
        self, month: Month, shard: int, orgs: Sequence[Organization], only: Collection[str] = ()
    ) -> dict[str, Account]:
        """The account of each of `orgs`, which are all of the shard's, or just those of `only`.

        Must be read before the usage that is priced with it: see Basis.
        """
        settled = self.ledger.settled_months(shard, only)
        own = self._own_bases(month, shard, orgs, only)
        late: dict[str, list[LatePart]] = {}
        for service_month in self._earlier(month):
            for org_id, part in self._late(service_month, month, shard, only).items():
                late.setdefault(org_id, []).append(part)
        return {
            org.org_id: _account(org, own[org.org_id], late.get(org.org_id, ()), settled.get(org.org_id, 0))
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
        self, month: Month, shard: int, orgs: Sequence[Organization], only: Collection[str]
    ) -> dict[str, Basis]:
        version, books = self.usage.version(month), self.books(month)
        prints = self.usage.fingerprints(month, shard, only)
        prices = {currency: fingerprint_of_prices(books(currency)) for currency in {org.currency for org in orgs}}
        return {
            org.org_id: Basis(
                service_month=month,
                usage_version=version,
                usage_fingerprint=prints.get(org.org_id, ""),
                terms=terms(prices[org.currency], org.contract, ()),
                contract=org.contract,
                currency=org.currency,
            )
            for org in orgs
        }

    def _late(self, service_month: Month, month: Month, shard: int, only: Collection[str]) -> dict[str, LatePart]:
        books = self.books(service_month)
        return late_parts(service_month, month, shard, self.usage, self.ledger, books, {}, only)


def _account(org: Organization, own: Basis, late: Sequence[LatePart], settled_months: int) -> Account:
    problems = [problem for part in late for problem in part.problems]
    problems += [_other_currency(org, part.basis) for part in late if part.basis.currency != org.currency]
    return Account(
        late=tuple(line for part in late for line in part.lines if line.currency == org.currency),
        problems=tuple(problems),
        bases=(own, *(part.basis for part in late)),
        settled_months=settled_months,
    )


def _other_currency(org: Organization, basis: Basis) -> Problem:
    return Problem(
        code="currency_changed",
        message=f"{basis.service_month} was billed in {basis.currency}, and now the organization is billed in "
        f"{org.currency}: what came late for {basis.service_month} cannot be on this invoice.",
        remedy="Give the organization its earlier currency back, close the month, then change it.",
    )
