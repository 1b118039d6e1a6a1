"""Opens the accounts of a shard's orgs before a month is priced: what bills hold beside the month's own usage."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flybill_pipeline.billing.invoicing.account import Account
from flybill_pipeline.billing.invoicing.basis import Basis
from flybill_pipeline.billing.invoicing.clashes import (
    credits_in_others,
    discounts_in_others,
    late_in_another,
    lines_in_others,
    told_in,
)
from flybill_pipeline.billing.invoicing.items.all_items import NO_ITEMS, OrgItems, advance_lines, fixed_lines
from flybill_pipeline.billing.invoicing.items.one_off_items import given_minor
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT, BilledLine, unbilled
from flybill_pipeline.billing.invoicing.left_behind import left_behind
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.reckoned_discounts import DISCOUNT, held_in
from flybill_pipeline.billing.invoicing.returned_credits import NOTHING_PAID, PaidByCredits
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg, OrgTerms, named
from flybill_pipeline.billing.invoicing.unstorable import fits, items_too_large
from flybill_pipeline.billing.invoicing.waivers import WaivedMonth, waived_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import fingerprint
from flybill_pipeline.billing.usage.texts import name_to_keep
from flybill_pipeline.steps.pricing.bill_late_usage import (
    Known,
    LatePart,
    Ledger,
    Usage,
    changed_usage,
    discounts_of_paid_ahead,
    late_parts,
    terms_of,
)
from flybill_pipeline.steps.pricing.price_org import BooksFor

REPORTED_MONTHS = 12  # how far back usage that comes too late is looked for


class Items(Protocol):
    """Plans, one-off items, credits and discounts."""

    def of(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, OrgItems]: ...


class Settled(Ledger, Protocol):
    """What settled months billed, and how many there are."""

    def decided(
        self, months: Collection[Month], shard: int, org_ids: Collection[str] = ()
    ) -> Mapping[Month, Collection[str] | None]: ...
    def settled_months(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, int]: ...
    def paid_by_credits(
        self, since: Month | None, except_month: Month, orgs: Mapping[str, str]
    ) -> Mapping[str, PaidByCredits]: ...
    def given_back_to(self, org_ids: Collection[str]) -> Collection[str]: ...


@dataclass(frozen=True)
class Accounts:
    """Where accounts come from. `books` gives a month's price books; `lookback_months` is how late is not too late.

    `terms` are those of the orgs whose accounts are opened, as they were read for the month that is priced.
    `for_drafts`: the month's own basis names its usage. An answer that nobody keeps needs no name for what it is of.
    """

    usage: Usage
    ledger: Settled
    items: Items
    books: Callable[[Month], BooksFor]
    lookback_months: int
    terms: Mapping[str, OrgTerms]
    for_drafts: bool = True

    def of(self, part: ShardMonth, orgs: Sequence[BilledOrg]) -> dict[str, Account]:
        """The account of each of `orgs`, which are all of the shard's, or just those of `part.only`.

        Must be read before the usage that is priced with it: see Basis.
        """
        if not orgs:  # each has its month settled
            return {}
        settled = self.ledger.settled_months(part.shard, part.only)
        items = self.items.of(part.shard, part.only)
        known = Known(self.usage, self.ledger, self.books, items, self.terms)
        own = self._own_bases(part, orgs, known.items)
        ahead = self._billed_in_advance(part, known.items)
        waived = self.ledger.waived(part.month, part.month, list(ahead)) if ahead else {}
        left = self._left_behind(part, [org.org_id for org in orgs], items)
        late: dict[str, list[LatePart]] = {}
        earlier = self._earlier(part.month)
        oldest = earlier[0] if earlier else part.month
        paid_ahead = discounts_of_paid_ahead(oldest.previous(), part, known)
        for service_month, bases in self.ledger.bases(earlier, part.shard, part.only).items():
            for org_id, late_part in late_parts(service_month, part, known, bases).items():
                late.setdefault(org_id, []).append(late_part)
        read = {
            org.org_id: _Read(
                items=known.items.get(org.org_id, NO_ITEMS),
                ahead=ahead.get(org.org_id, ()),
                waived=waived.get(org.org_id, ()),
                late=late.get(org.org_id, ()),
                left_behind=left.get(org.org_id, ()),
                too_old=paid_ahead.get(org.org_id, ()),
                settled_months=settled.get(org.org_id, 0),
                next_currency=_currency_in(part.month.next(), org, self.terms.get(org.org_id)),
            )
            for org in orgs
        }
        for org_id, paid in self._paid_by_credits(part, oldest, orgs, read).items():
            read[org_id] = replace(read[org_id], paid=paid)
        return {org.org_id: _account(org, own[org.org_id], read[org.org_id]) for org in orgs}

    def with_all_paid(self, month: Month, org: BilledOrg, account: Account) -> Account:
        """The account with all months that credits ever paid for: what is below zero may go back to any."""
        found = self.ledger.paid_by_credits(None, month, {org.org_id: org.currency})
        return replace(account, paid=found.get(org.org_id, NOTHING_PAID))

    def _paid_by_credits(
        self, part: ShardMonth, oldest: Month, orgs: Sequence[BilledOrg], read: Mapping[str, "_Read"]
    ) -> dict[str, PaidByCredits]:
        """What credits paid for in the months that billed `oldest` or later: also in advance, and discounts of that.

        Where something went back to them, in all months: what is due again is paid by them again.
        """
        since = oldest.previous().previous()
        prepaid = [org.org_id for org in orgs if read[org.org_id].items.credits]
        back = self.ledger.given_back_to(prepaid) if prepaid else ()
        ever = {org.org_id: org.currency for org in orgs if org.org_id in back}
        late = {o.org_id: o.currency for o in orgs if o.org_id not in ever and _changes(o, part, read[o.org_id])}
        found = dict(self.ledger.paid_by_credits(since, part.month, late)) if late else {}
        return found | (dict(self.ledger.paid_by_credits(None, part.month, ever)) if ever else {})

    def left_behind(self, part: ShardMonth) -> dict[str, list[Month]]:
        """Per org with usage of earlier months those of the look-back that were closed, and not for that org."""
        left: dict[str, list[Month]] = {}
        for month, decided in self.ledger.decided(self._earlier(part.month), part.shard).items():
            if decided is not None:
                for org_id in self.usage.orgs(month, part.shard).keys() - set(decided):
                    if name_to_keep(org_id) == org_id:  # others are held in the month itself, and never billed
                        left.setdefault(org_id, []).append(month)
        return left

    def _left_behind(
        self, part: ShardMonth, org_ids: Sequence[str], items: Mapping[str, OrgItems]
    ) -> dict[str, list[Month]]:
        """As `left_behind`, of orgs that are known: with plans and items as well."""
        left: dict[str, list[Month]] = {}
        for month, decided in self.ledger.decided(self._earlier(part.month), part.shard, part.only).items():
            undecided = [] if decided is None else [org_id for org_id in org_ids if org_id not in decided]
            used = self.usage.fingerprints(month, part.shard, undecided) if undecided else {}
            for org_id in undecided:
                lines = fixed_lines(items.get(org_id, NO_ITEMS), month)
                if org_id in used or any(line.amount_minor for line in lines):
                    left.setdefault(org_id, []).append(month)
        return left

    def too_late(self, month: Month, shard: int) -> list[tuple[str, Month]]:
        """Each org and service month whose usage came after the last invoice that could still bill it."""
        late, service_month = [], month
        for distance in range(1, REPORTED_MONTHS + 1):
            service_month = service_month.previous()
            if distance > self.lookback_months:
                late += [(org, service_month) for org in changed_usage(service_month, shard, self.usage, self.ledger)]
        return late

    def _earlier(self, month: Month) -> list[Month]:
        months: list[Month] = []
        for _ in range(self.lookback_months):
            month = month.previous()
            months.insert(0, month)
        return months

    def _own_bases(
        self, part: ShardMonth, orgs: Sequence[BilledOrg], items: Mapping[str, OrgItems]
    ) -> dict[str, Basis]:
        month, books = part.month, self.books(part.month)
        version = self.usage.version(month) if self.for_drafts else ""
        prints = self.usage.fingerprints(month, part.shard, part.only) if self.for_drafts else {}
        prices = {currency: fingerprint(books(currency)) for currency in {org.currency for org in orgs}}
        bases: dict[str, Basis] = {}
        for org in orgs:
            own = items.get(org.org_id, NO_ITEMS)
            basis = Basis(
                service_month=month,
                usage_version=version,
                usage_fingerprint=prints.get(org.org_id, ""),
                terms="",
                contract=named(org.contracts, month),
                currency=org.currency,
                discounts=held_in(month, own.discounts),
            )
            bases[org.org_id] = replace(basis, terms=terms_of(basis, prices[org.currency], own, org.contracts))
        return bases

    def _billed_in_advance(self, part: ShardMonth, items: Mapping[str, OrgItems]) -> dict[str, Sequence[BilledLine]]:
        """Per org with plans the lines that other months billed for the month and for the one after it."""
        month = part.month
        with_plans = [org_id for org_id, own in items.items() if own.subscriptions]
        if not with_plans:
            return {}
        ahead: dict[str, list[BilledLine]] = {}
        for service_month in (month, month.next()):
            for org_id, lines in self.ledger.billed(service_month, month, part.shard, with_plans).items():
                # What a later month that was settled first billed of its own is that month's to compare.
                plans = {line.line_id for line in advance_lines(items[org_id], service_month)}
                ahead.setdefault(org_id, []).extend(
                    line
                    for line in lines
                    if line.kind != DISCOUNT and (service_month == month or line.line_id in plans)
                )
        return dict(ahead)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of one org beside its terms.

    `ahead` is what other months billed for its month and the next, `waived` those of them that nobody paid;
    `left_behind` are earlier months that were closed without it; `too_old` is what a month that is too old to be billed
    again takes off, or back, of what it billed in advance; `paid` are the months that credits paid for.
    """

    items: OrgItems
    ahead: Sequence[BilledLine]
    waived: Sequence[WaivedMonth]
    late: Sequence[LatePart]
    left_behind: Sequence[Month]
    too_old: Sequence[LineItem]
    settled_months: int
    next_currency: str
    paid: PaidByCredits = NOTHING_PAID


def _currency_in(month: Month, org: BilledOrg, terms: OrgTerms | None) -> str:
    return org.currency if terms is None else terms.in_month(month).currency


def _changes(org: BilledOrg, part: ShardMonth, read: _Read) -> bool:
    """Whether the org has credits, and the month may bill something of earlier months less."""
    if not read.items.credits:
        return False
    return bool(read.late or read.too_old) or any(line.kind == ADJUSTMENT for line in _due(org, part.month, read))


def _account(org: BilledOrg, own: Basis, read: _Read) -> Account:
    month, currency = own.service_month, org.currency
    due = _due(org, month, read)
    changed = [line for line in due if line.kind == ADJUSTMENT]
    met_before = [line for each in read.late if each.reckoned for line in each.lines]
    meets_now = [line for each in read.late if not each.reckoned for line in each.lines]
    fixed = [line for line in due if line.kind != ADJUSTMENT]
    paid_ahead = [line for line in read.ahead if line.service_month == month and line.currency == currency]
    return Account(
        fixed=tuple(told_in(currency, filter(fits, (*fixed, *meets_now)))),
        reckoned=tuple(told_in(currency, filter(fits, (*changed, *read.too_old, *met_before)))),
        billed_before_minor=sum(line.amount_minor for line in paid_ahead),
        waived_before_minor=waived_of(month, currency, read.waived),
        credits=read.items.credits,
        paid=read.paid,
        given_minor=given_minor(read.items.one_offs, month, currency),
        discounts=read.items.discounts,
        problems=tuple(_problems(org, month, read, due)),
        bases=(own, *(each.basis for each in read.late)),
        settled_months=read.settled_months,
    )


def _due(org: BilledOrg, month: Month, read: _Read) -> list[LineItem]:
    """What is due of plans and items: those of the month, and the next month's in advance.

    What is in the next month's new currency is billed with that month.
    """
    now = (*fixed_lines(read.items, month), *advance_lines(read.items, month.next()))
    waits = {read.next_currency} - {org.currency}
    due = unbilled(now, read.ahead)
    return [line for line in due if line.service_month == month or line.currency not in waits]


def _problems(org: BilledOrg, month: Month, read: _Read, due: Sequence[LineItem]) -> Iterator[HoldReason]:
    currency = org.currency
    yield from left_behind(org.org_id, read.left_behind)
    for each in read.late:
        yield from each.problems
        billed_then = [line for line in each.lines if line.currency == each.basis.currency]
        yield from late_in_another(currency, each.basis.service_month, billed_then)
        yield from lines_in_others(currency, (line for line in each.lines if line.currency != each.basis.currency))
        yield from items_too_large(each.lines)
    yield from items_too_large(due)
    yield from lines_in_others(currency, (*read.too_old, *due))
    yield from credits_in_others(currency, month, read.items.credits)
    yield from discounts_in_others(currency, month, read.items.discounts)
