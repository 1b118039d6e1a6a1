"""Prices one org's month: its usage, its books and its account in, a draft out. Reads no store, keeps nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from flybill_pipeline.billing.invoicing.account import EMPTY, Account
from flybill_pipeline.billing.invoicing.bill import Parts, put_together
from flybill_pipeline.billing.invoicing.carried_over import carried_line
from flybill_pipeline.billing.invoicing.clashes import carried_in_others
from flybill_pipeline.billing.invoicing.commitments import commitment_in
from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.left_behind import unknown_org
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, ContractDays, measures_needed
from flybill_pipeline.billing.pricing.usage_lines import PricedUsage, price_month
from flybill_pipeline.billing.usage.totals import EACH_DAY, Measures, OrgUsage

BooksFor = Callable[[str], BooksOfMonth | None]
"""Gives the price books of a currency that are in force in the month; None where there is none."""


class Usage(Protocol):
    """The exact usage totals of a month."""

    def of_month(
        self,
        month: Month,
        shard: int,
        org_ids: Collection[str] = (),
        *,
        days_from: date | None = None,
        measures: Measures | None = None,
        until: datetime | None = None,
    ) -> Iterable[OrgUsage]:
        """Every org of the shard that has usage, or just `org_ids`, each once.

        `days_from` asks for a total for each day from then on; what was before may be one, of that day.
        Totals carry the `measures` asked for; levels are held `until` then, at most the month's end.
        """

    def orgs(self, month: Month, shard: int) -> Mapping[str, bool]:
        """Org with usage → whether time alone adds to its bill, as it does where a level is held."""


class Accounts(Protocol):
    """What bills hold beside the month's own usage."""

    def with_all_paid(self, month: Month, org: BilledOrg, account: Account) -> Account: ...


def books_under(books: BooksOfMonth | None, contracts: tuple[ContractDays, ...]) -> BooksOfMonth | None:
    """The books of the month for an org with these contracts; None where there are none."""
    return None if books is None else books.under(contracts)


def with_carried(account: Account, carried: Mapping[str, int]) -> Account:
    """The account with what is open from earlier months, in minor units by currency."""
    return replace(account, carried=carried) if carried else account


def price_org(
    part: ShardMonth, org: BilledOrg, usage: OrgUsage | None, books: BooksFor, account: Account = EMPTY
) -> Draft:
    """One org's month as it stands, by the same code "so far" and for the invoice; `usage` None means there is none."""
    month, in_force = part.month, books(org.currency)
    if in_force is None:
        priced, commitment = PricedUsage((), ()), None
        problems = _without_book(month, org, usage)
    else:
        under = in_force.under(org.contracts)
        priced, commitment = price_month(under, usage.totals if usage else ()), commitment_in(under)
        problems = list(_unpriced(priced, usage))
    carried_minor = account.carried.get(org.currency, 0)
    parts = Parts(
        priced=(*priced.lines, *account.fixed),
        reckoned=account.reckoned,
        carried=[carried_line(month, org.org_id, org.currency, carried_minor)] if carried_minor else [],
        commitment=commitment,
        billed_before_minor=account.billed_before_minor,
        waived_before_minor=account.waived_before_minor,
        discounts=account.discounts,
        credits=account.credits,
        paid=account.paid,
        given_minor=account.given_minor,
    )
    bill = put_together(month, org.currency, parts)
    return Draft(
        month=month,
        org_id=org.org_id,
        shard=part.shard,
        currency=org.currency,
        lines=bill.lines,
        carried_minor=carried_minor,
        problems=(*problems, *carried_in_others(org.currency, account.carried), *account.problems),
        usage_up_to=usage.up_to if usage else None,
        bases=account.bases,
        settled_months=account.settled_months,
        credit_uses=bill.uses,
        credits_returned=bill.returned,
    )


def price_account(
    part: ShardMonth, org: BilledOrg, usage: OrgUsage | None, books: BooksFor, account: Account, accounts: Accounts
) -> Draft:
    """As `price_org`. What comes to less than nothing goes back to credits that paid, before it leaves as money."""
    draft = price_org(part, org, usage, books, account)
    if draft.total_minor >= 0 or not account.credits:
        return draft
    return price_org(part, org, usage, books, accounts.with_all_paid(part.month, org, account))


def usage_of(
    part: ShardMonth, usage: Usage, in_force: Collection[BooksOfMonth | None], days_from: date | None = None
) -> Iterable[OrgUsage]:
    """The usage of a shard's month in the detail that pricing by the books `in_force` takes.

    With `days_from` also by day, from then on.
    """
    needs_days = any(books is not None and books.needs_days for books in in_force)
    return usage.of_month(
        part.month,
        part.shard,
        part.only,
        days_from=EACH_DAY if needs_days else days_from,
        measures=measures_needed(in_force),
        until=min(part.now, part.month.end),
    )


def price_stranger(part: ShardMonth, org_id: str, usage: OrgUsage | None, earlier: Sequence[Month]) -> Draft:
    """An org that nobody imported, with usage of the month, or of `earlier` months that were closed without it.

    Without any (what it had belongs to another by now) nothing is wrong any more.
    """
    problems = [] if usage is None else list(_per_meter(unknown_org(org_id), usage))
    problems += [unknown_org(org_id, earlier)] if earlier else []
    up_to = usage.up_to if usage else None
    return Draft(part.month, org_id, part.shard, None, (), 0, tuple(problems), up_to)


def _without_book(month: Month, org: BilledOrg, usage: OrgUsage | None) -> list[HoldReason]:
    problem = HoldReason(
        code="no_price_book",
        message=f"No price book in {org.currency} is in force in {month}.",
        remedy=f"Add a price book in {org.currency} that is effective by {month.first_day}, then close it again.",
    )
    return _due_anyway(problem, usage) if org.contracts else list(_per_meter(problem, usage))


def _unpriced(priced: PricedUsage, usage: OrgUsage | None) -> Iterator[HoldReason]:
    for each in priced.unpriced:
        problem = HoldReason(
            code=each.code,
            message=f"{each.message[0].upper()}{each.message[1:]}.",
            remedy=f"{each.remedy[0].upper()}{each.remedy[1:]}.",
            meter=each.meter,
            quantity=each.quantity,
        )
        if each.meter is None:
            yield from _due_anyway(problem, usage)
        else:
            yield problem


def _due_anyway(problem: HoldReason, usage: OrgUsage | None) -> list[HoldReason]:
    """The problem for each meter, or once without any: what a contract asks for without usage waits too."""
    return list(_per_meter(problem, usage)) or [problem]


def _per_meter(problem: HoldReason, usage: OrgUsage | None) -> Iterator[HoldReason]:
    """The problem once for each meter that waits because of it, with the quantity: so nothing goes missing."""
    quantities: dict[str, Decimal] = {}
    with exact():
        for total in usage.totals if usage else ():
            quantities[total.meter] = quantities.get(total.meter, Decimal(0)) + total.quantity
    for meter in sorted(quantities):
        yield replace(problem, meter=meter, quantity=quantities[meter])
