"""Prices one shard of one month: usage totals and price books in, drafts out. Decides nothing about outcomes."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Protocol

from flybill_pipeline.billing.invoicing.account import EMPTY, Account
from flybill_pipeline.billing.invoicing.bill import put_together
from flybill_pipeline.billing.invoicing.carried_over import carried_line, in_other_currencies
from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.outcomes import Problem
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, measures_needed
from flybill_pipeline.billing.pricing.usage_lines import PricedUsage, price_month
from flybill_pipeline.billing.usage.totals import Measures, OrgUsage


class Organization(Protocol):
    """Who is billed, as far as pricing cares."""

    @property
    def org_id(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def contract(self) -> str | None: ...


Books = Callable[[str], BooksOfMonth | None]
"""The price books in force in the month, by currency; None where there is none."""


class Usage(Protocol):
    """The exact usage totals of a month."""

    def of_month(
        self,
        month: Month,
        shard: int,
        org_ids: Collection[str] = (),
        *,
        by_day: bool = False,
        measures: Measures | None = None,
        until: datetime | None = None,
    ) -> Iterable[OrgUsage]:
        """Every org of the shard that has usage, or just `org_ids`, each once; with a total for each day if asked.

        Totals carry the `measures` asked for; levels are held `until` then, at most the month's end.
        """


class Accounts(Protocol):
    """What bills hold beside the month's own usage."""

    def of(
        self, month: Month, shard: int, orgs: Sequence[Organization], only: Collection[str] = ()
    ) -> Mapping[str, Account]: ...
    def too_late(self, month: Month, shard: int) -> Sequence[tuple[str, Month]]: ...


class Drafts(Protocol):
    """Where drafts are kept."""

    def settled(self, month: Month, shard: int) -> set[str]: ...
    def strangers(self, month: Month, shard: int) -> set[str]: ...
    def carried(self, month: Month, org_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]: ...
    def replace(
        self,
        month: Month,
        shard: int,
        new: Iterable[Draft],
        now: datetime,
        only: Collection[str] = (),
        priced_from: str | None = None,
    ) -> tuple[int, int]: ...
    def report_too_late(self, month: Month, shard: int, found: Iterable[tuple[str, Month]]) -> None: ...


@dataclass(frozen=True, slots=True)
class PricingReport:
    """What one shard of a month came to: drafts, their lines, minor units per currency, orgs with a problem.

    `adjusted` counts the orgs that are billed for earlier months too; `too_late` are those of which usage came when no
    invoice could bill it any more, with the month that it belongs to.
    """

    drafts: int
    lines: int
    totals: Mapping[str, int]
    problems: Sequence[tuple[str, str]]
    adjusted: int = 0
    too_late: Sequence[tuple[str, Month]] = ()


def price_shard(
    month: Month,
    shard: int,
    orgs: Sequence[Organization],
    usage: Usage,
    books: Books,
    drafts: Drafts,
    now: datetime,
    only: Collection[str] = (),
    accounts: Accounts | None = None,
    priced_from: str | None = None,
) -> PricingReport:
    """Prices every unsettled org of the shard (or just `only`) again and replaces their drafts, all or nothing.

    Every org gets a draft, also one without usage; so does an org that has usage but was never imported, so that
    its usage cannot be overlooked. Without `accounts` nothing but the month's own usage is priced. `priced_from` is the
    id of the inputs behind `usage` and `books`, kept with drafts.
    """
    settled = drafts.settled(month, shard)
    known = {org.org_id: org for org in orgs if org.org_id not in settled}
    opened = accounts.of(month, shard, list(known.values()), only) if accounts else {}
    in_force = [books(currency) for currency in {org.currency for org in known.values()}]
    found = usage_of(only, month, shard, usage, in_force, now)
    used = {org.org_id: org for org in found if org.org_id not in settled}
    carried = drafts.carried(month, list(known))
    priced = (
        price_org(month, shard, org, used.get(key), books, carried.get(key, {}), opened.get(key, EMPTY))
        for key, org in known.items()
    )
    unknown = used.keys() | (set() if only else drafts.strangers(month, shard))
    strangers = (_stranger(month, shard, key, used.get(key)) for key in sorted(unknown - known.keys() - settled))
    tally = _Tally()
    count, lines = drafts.replace(month, shard, tally.counting(chain(priced, strangers)), now, only, priced_from)
    too_late = accounts.too_late(month, shard) if accounts and not only else []
    if not only:
        drafts.report_too_late(month, shard, too_late)
    return PricingReport(
        drafts=count,
        lines=lines,
        totals=tally.totals,
        problems=tally.problems,
        adjusted=sum(bool(account.late) for account in opened.values()),
        too_late=too_late,
    )


def price_org(
    month: Month,
    shard: int,
    org: Organization,
    usage: OrgUsage | None,
    books: Books,
    carried_over: Mapping[str, int],
    account: Account = EMPTY,
) -> Draft:
    """One org's month as it stands, by the same code "so far" and for the invoice; `usage` None means there is none.

    `carried_over` is what is open from earlier months, in minor units by currency.
    """
    in_force = books(org.currency)
    if in_force is None:
        priced, contract = PricedUsage((), ()), None
        problems = list(_without_book(month, org, usage))
    else:
        priced = price_month(in_force, org.contract, usage.totals if usage else ())
        contract = in_force.parts[-1].book.contracts.get(org.contract or "")
        problems = list(_unpriced(priced, usage))
    carried_minor = carried_over.get(org.currency, 0)
    bill = put_together(
        (*priced.lines, *account.fixed, *account.late),
        org.currency,
        month,
        contract=contract,
        discounts=account.discounts,
        available=account.credits,
        carried=[carried_line(month, org.org_id, org.currency, carried_minor)] if carried_minor else [],
        billed_before_minor=account.billed_before_minor,
    )
    left = {credit.credit_id: credit.left_minor for credit in bill.credits}
    return Draft(
        month=month,
        org_id=org.org_id,
        shard=shard,
        currency=org.currency,
        lines=bill.lines,
        carried_minor=carried_minor,
        problems=(*problems, *in_other_currencies(org.currency, carried_over), *account.problems),
        usage_up_to=usage.up_to if usage else None,
        bases=account.bases,
        settled_months=account.settled_months,
        credit_uses={
            credit.credit_id: credit.left_minor - left[credit.credit_id]
            for credit in account.credits
            if credit.left_minor > left[credit.credit_id]
        },
    )


def usage_of(
    org_ids: Collection[str],
    month: Month,
    shard: int,
    usage: Usage,
    in_force: Collection[BooksOfMonth | None],
    now: datetime,
) -> Iterable[OrgUsage]:
    """The usage of `org_ids` (none: of the whole shard) in the detail that pricing by the books `in_force` takes."""
    changes = any(found is not None and len(found.parts) > 1 for found in in_force)
    return usage.of_month(
        month, shard, org_ids, by_day=changes, measures=measures_needed(in_force), until=min(now, month.end)
    )


def _stranger(month: Month, shard: int, org_id: str, usage: OrgUsage | None) -> Draft:
    """An org that nobody imported. Without usage (what it had belongs to another by now) nothing is wrong any more."""
    if usage is None:
        return Draft(month, org_id, shard, None, (), 0, (), None)
    problem = Problem(
        code="unknown_org",
        message=f"There is usage for {usage.org_id}, but no such organization.",
        remedy="Import it with `flybill import-orgs FILE`, then close the month again.",
    )
    return Draft(month, usage.org_id, shard, None, (), 0, tuple(_per_meter(problem, usage)), usage.up_to)


def _without_book(month: Month, org: Organization, usage: OrgUsage | None) -> Iterator[Problem]:
    problem = Problem(
        code="no_price_book",
        message=f"No price book in {org.currency} is in force in {month}.",
        remedy=f"Add a price book in {org.currency} that is effective by {month.first_day}, then close it again.",
    )
    return _per_meter(problem, usage)


def _unpriced(priced: PricedUsage, usage: OrgUsage | None) -> Iterator[Problem]:
    for found in priced.unpriced:
        problem = Problem(
            code=found.code,
            message=f"{found.message[0].upper()}{found.message[1:]}.",
            remedy=f"{found.remedy[0].upper()}{found.remedy[1:]}.",
            meter=found.meter,
            quantity=found.quantity,
        )
        if found.meter is None:
            yield from _per_meter(problem, usage)
        else:
            yield problem


def _per_meter(problem: Problem, usage: OrgUsage | None) -> Iterator[Problem]:
    """The problem once for each meter that waits because of it, with the quantity: so nothing goes missing."""
    quantities: dict[str, Decimal] = {}
    with exact():
        for total in usage.totals if usage else ():
            quantities[total.meter] = quantities.get(total.meter, Decimal(0)) + total.quantity
    for meter in sorted(quantities):
        yield replace(problem, meter=meter, quantity=quantities[meter])


@dataclass(slots=True)
class _Tally:
    """What drafts come to, counted as they pass by: a shard of them is more than should be held at once."""

    totals: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def counting(self, new: Iterable[Draft]) -> Iterator[Draft]:
        for draft in new:
            if draft.currency is not None:
                self.totals[draft.currency] += draft.total_minor
            if draft.problems:
                self.problems.append((draft.org_id, draft.problems[0].code))
            yield draft
