"""What other price books would have billed for a month, by the code that bills. Writes nothing, asks nobody.

Both sides are priced from the usage that is known now, so that a difference is one of prices and of nothing else.
What is carried from earlier months, billed late, or paid by credits is no matter of the month's prices and left out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flybill_pipeline.billing.invoicing.account import EMPTY, Account
from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.items.all_items import NO_ITEMS, OrgItems, advance_lines, fixed_lines
from flybill_pipeline.billing.invoicing.late_usage import BilledLine
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import total_minor
from flybill_pipeline.steps.pricing.price_org import BooksFor, Usage, books_under, price_org, usage_of


@dataclass(frozen=True, slots=True)
class Difference:
    """Minor units by the books in force and by the other ones."""

    now_minor: int
    repriced_minor: int

    @property
    def difference_minor(self) -> int:
        return self.repriced_minor - self.now_minor


@dataclass(frozen=True, slots=True)
class Repriced:
    """One org's month by both books; `meters` by name, "" for what belongs to no meter.

    `problems` are what would keep it from being billed by the other books.
    """

    org_id: str
    currency: str
    total: Difference
    meters: Mapping[str, Difference]
    problems: Sequence[str]


class Billed(Protocol):
    """What settled months billed."""

    def billed(
        self, service_month: Month, except_month: Month, shard: int, org_ids: Collection[str]
    ) -> Mapping[str, Sequence[BilledLine]]: ...


def reprice_shard(
    part: ShardMonth,
    orgs: Collection[BilledOrg],
    usage: Usage,
    accounts: Mapping[str, Account],
    books: BooksFor,
    other: BooksFor,
) -> Iterator[Repriced]:
    """Every org of the shard that has a line, or a problem, by either of the books; `accounts` are `fixed_accounts`."""
    in_force = {books_under(choose(org.currency), org.contracts) for org in orgs for choose in (books, other)}
    used = {each.org_id: each for each in usage_of(part, usage, in_force)}
    for org in orgs:
        account = accounts.get(org.org_id, EMPTY)
        before, after = (price_org(part, org, used.get(org.org_id), choose, account) for choose in (books, other))
        if before.lines or after.lines or after.problems:
            yield _repriced(before, after, org.currency)


def fixed_accounts(
    part: ShardMonth, orgs: Collection[BilledOrg], items: Mapping[str, OrgItems], billed: Billed
) -> dict[str, Account]:
    """By org what shares the month's bill with usage and changes what it comes to: plans, one-off items, discounts.

    Plans count for a minimum in their own month, and meet the discounts of the invoice that they are on: of those that
    are billed ahead, it is that of the month before.
    """
    ahead = [org_id for org_id, own in items.items() if any(advance_lines(own, month) for month in _both(part.month))]
    own, later = (billed.billed(month, part.month, part.shard, ahead) if ahead else {} for month in _both(part.month))
    accounts: dict[str, Account] = {}
    for org in orgs:
        before = {line.line_id for line in own.get(org.org_id, ()) if line.billed_in < part.month}
        elsewhere = {line.line_id for line in later.get(org.org_id, ())}
        accounts[org.org_id] = _account(items.get(org.org_id, NO_ITEMS), org.currency, part.month, before | elsewhere)
    return accounts


def _both(month: Month) -> tuple[Month, Month]:
    """The month, and the next one, which its invoice may bill plans for."""
    return month, month.next()


def _account(items: OrgItems, currency: str, month: Month, others: Collection[str]) -> Account:
    """`others` are the lines, by id, that invoices of other months have."""
    lines = [line for line in fixed_lines(items, month) if line.currency == currency]
    ahead = [line for line in advance_lines(items, month.next()) if line.currency == currency]
    return Account(
        fixed=tuple(line for line in (*lines, *ahead) if line.line_id not in others),
        billed_before_minor=total_minor(line for line in lines if line.line_id in others),
        discounts=items.discounts,
    )


def biggest_first(repriced: Iterable[Repriced]) -> list[Repriced]:
    """By currency, then by the size of the difference."""
    return sorted(repriced, key=lambda org: (org.currency, -abs(org.total.difference_minor), org.org_id))


def totals(repriced: Iterable[Repriced]) -> dict[str, Difference]:
    """The sum of all orgs per currency."""
    sums: dict[str, Difference] = {}
    for org in repriced:
        so_far = sums.get(org.currency, Difference(0, 0))
        sums[org.currency] = Difference(
            so_far.now_minor + org.total.now_minor, so_far.repriced_minor + org.total.repriced_minor
        )
    return dict(sorted(sums.items()))


def _repriced(before: Draft, after: Draft, currency: str) -> Repriced:
    now, then = _by_meter(before), _by_meter(after)
    return Repriced(
        org_id=before.org_id,
        currency=currency,
        total=Difference(before.total_minor, after.total_minor),
        meters={name: Difference(now.get(name, 0), then.get(name, 0)) for name in sorted(now.keys() | then.keys())},
        problems=[problem.message for problem in after.problems],
    )


def _by_meter(draft: Draft) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for line in draft.lines:
        amounts[line.meter or ""] = amounts.get(line.meter or "", 0) + line.amount_minor
    return amounts
