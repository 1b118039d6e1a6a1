"""Prices one shard of one month: usage totals and price books in, drafts out. Decides nothing about outcomes."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from flybill_pipeline.billing.invoicing.account import EMPTY, Account
from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg
from flybill_pipeline.billing.invoicing.unchanged import KeptDraft, made_of
from flybill_pipeline.billing.invoicing.unstorable import UnstorableDraftError, held_instead
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.texts import name_to_keep
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.price_org import Accounts as PaidAccounts
from flybill_pipeline.steps.pricing.price_org import (
    BooksFor,
    Usage,
    books_under,
    price_account,
    price_org,
    price_stranger,
    usage_of,
    with_carried,
)

MOST_NAMED = 100
"""Up to so many orgs are named when usage is read; more are picked out of the whole shard."""


class Accounts(PaidAccounts, Protocol):
    """What bills hold beside the month's own usage."""

    def of(self, part: ShardMonth, orgs: Sequence[BilledOrg]) -> Mapping[str, Account]: ...
    def left_behind(self, part: ShardMonth) -> Mapping[str, Sequence[Month]]: ...
    def too_late(self, month: Month, shard: int) -> Sequence[tuple[str, Month]]: ...


class Drafts(Protocol):
    """Where drafts are kept."""

    def settled(self, month: Month, shard: int) -> set[str]: ...
    def strangers(self, month: Month, shard: int) -> set[str]: ...
    def carried(self, month: Month, org_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]: ...
    def kept(self, month: Month, shard: int) -> Mapping[str, KeptDraft]: ...
    def replace(
        self, part: ShardMonth, new: Iterable[Draft], priced_from: str | None = None, keep: Collection[str] = ()
    ) -> tuple[int, int]: ...
    def refused(self, part: ShardMonth, new: Iterable[Draft]) -> Mapping[str, str]: ...
    def report_too_late(self, month: Month, shard: int, too_late: Iterable[tuple[str, Month]]) -> None: ...


@dataclass(frozen=True, slots=True)
class PricingReport:
    """What one shard of a month came to: drafts, their lines, minor units per currency, orgs with a problem.

    `adjusted` counts the orgs that are billed for earlier months too; `too_late` are those whose usage came when no
    invoice could bill it any more, with the month of that usage. Of the drafts `unchanged` stand as they were.
    """

    drafts: int
    lines: int
    totals: Mapping[str, int]
    problems: Sequence[tuple[str, str]]
    adjusted: int = 0
    too_late: Sequence[tuple[str, Month]] = ()
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class PricedFrom:
    """What a month is priced from. Without `accounts` nothing but the month's own usage is priced.

    `inputs_id` is the id under which `usage` and `books` are on record; drafts keep it.
    """

    usage: Usage
    books: BooksFor
    accounts: Accounts | None = None
    inputs_id: str | None = None


def price_shard(part: ShardMonth, orgs: Sequence[BilledOrg], source: PricedFrom, drafts: Drafts) -> PricingReport:
    """Prices every unsettled org of the shard, or its orgs `only`, again and replaces their drafts, all or nothing.

    While the month is running, drafts that would come out as they are stay. Every org gets a draft, also one without
    usage; so does an org that has usage but was never imported, so that its usage cannot be overlooked.
    """
    month, shard, only, accounts = part.month, part.shard, part.only, source.accounts
    settled = drafts.settled(month, shard)
    known = {org.org_id: org for org in orgs if org.org_id not in settled}
    opened = accounts.of(part, list(known.values())) if accounts else {}
    carried = drafts.carried(month, list(known))
    opened = {key: with_carried(opened.get(key, EMPTY), carried.get(key, {})) for key in known}
    names = {key: made_of(org, opened[key], part.now.date()) for key, org in known.items()}
    unchanged, wanted = _standing(part, names, source.usage, drafts)
    if not (known or only):  # all are settled: strangers are looked for, and nobody else's usage is read
        wanted = source.usage.orgs(month, shard).keys() - settled
    used = {key: found for key, found in _used(part, known, source, wanted).items() if key not in settled}
    unknown = {name_to_keep(key): used[key] for key in used.keys() - known.keys()}
    left_behind = accounts.left_behind(part) if accounts and not only else {}
    earlier = {name_to_keep(key): left_behind[key] for key in left_behind.keys() - known.keys()}
    strangers = unknown.keys() | earlier.keys() | (set() if only else drafts.strangers(month, shard))

    def made() -> Iterator[Draft]:
        for key, org in known.items():
            if key not in unchanged:
                asked = part, org, used.get(key), source.books, opened[key]
                draft = price_account(*asked, accounts) if accounts else price_org(*asked)
                yield replace(draft, made_of=names[key])
        for key in sorted(strangers - known.keys() - settled):
            yield price_stranger(part, key, unknown.get(key), earlier.get(key, ()))

    count, lines, tally = _stored(part, made, _Where(drafts, source.inputs_id, unchanged))
    too_late = accounts.too_late(month, shard) if accounts and not only else []
    if not only:
        drafts.report_too_late(month, shard, too_late)
    return PricingReport(
        drafts=count + len(unchanged),
        lines=lines + sum(draft.lines for draft in unchanged.values()),
        totals=tally.totals,
        problems=tally.problems,
        adjusted=sum(len(account.bases) > 1 for account in opened.values()),
        too_late=too_late,
        unchanged=len(unchanged),
    )


def _standing(part: ShardMonth, names: Mapping[str, str | None], usage: Usage, drafts: Drafts) -> "_Standing":
    """The drafts that stand and would come out as they are. None once the month has ended: what is billed is priced."""
    if part.only or part.now >= part.month.end:
        return _Standing({}, None)
    kept = {org: draft for org, draft in drafts.kept(part.month, part.shard).items() if draft.made_of == names.get(org)}
    if not kept:
        return _Standing({}, None)
    grows = usage.orgs(part.month, part.shard)
    unchanged = {org: draft for org, draft in kept.items() if not grows.get(org)}
    return _Standing(unchanged, grows.keys() - unchanged.keys())


def _used(
    part: ShardMonth, known: Mapping[str, BilledOrg], source: PricedFrom, wanted: Collection[str] | None
) -> dict[str, OrgUsage]:
    """Org → its usage: of the orgs `wanted`, or of all that have any."""
    in_force = {books_under(source.books(org.currency), org.contracts) for org in known.values()}
    if wanted is None:
        return {org.org_id: org for org in usage_of(part, source.usage, in_force)}
    if not wanted:
        return {}
    named = replace(part, only=sorted(wanted)) if len(wanted) <= MOST_NAMED else part
    return {org.org_id: org for org in usage_of(named, source.usage, in_force) if org.org_id in wanted}


def _stored(part: ShardMonth, made: Callable[[], Iterable[Draft]], where: "_Where") -> tuple[int, int, "_Tally"]:
    """Stores the drafts that each call of `made` gives. What the database will not take is held."""
    drafts, tally = where.drafts, _Tally()
    tally.count_kept(where.unchanged)
    try:
        return *drafts.replace(part, tally.counting(made()), where.inputs_id, where.unchanged), tally
    except UnstorableDraftError:
        refused, tally = drafts.refused(part, made()), _Tally()
        tally.count_kept(where.unchanged)
    taken = (held_instead(draft, refused[draft.org_id]) if draft.org_id in refused else draft for draft in made())
    return *drafts.replace(part, tally.counting(taken), where.inputs_id, where.unchanged), tally


class _Standing(NamedTuple):
    """The drafts that stay as they are, and the orgs whose usage must be read; None: all."""

    unchanged: Mapping[str, KeptDraft]
    wanted: Collection[str] | None


class _Where(NamedTuple):
    """Where drafts are put, the id of the inputs that they keep, and beside which that stay as they are."""

    drafts: Drafts
    inputs_id: str | None
    unchanged: Mapping[str, KeptDraft]


@dataclass(slots=True)
class _Tally:
    """What drafts come to, counted as they pass by: a shard of them is more than should be held at once."""

    totals: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def count_kept(self, kept: Mapping[str, KeptDraft]) -> None:
        """Counts drafts that stay as they are."""
        for org_id, draft in kept.items():
            if draft.currency is not None:
                self.totals[draft.currency] += draft.total_minor
            if draft.problem is not None:
                self.problems.append((org_id, draft.problem))

    def counting(self, new: Iterable[Draft]) -> Iterator[Draft]:
        for draft in new:
            if draft.currency is not None:
                self.totals[draft.currency] += draft.total_minor
            if draft.problems:
                self.problems.append((draft.org_id, draft.problems[0].code))
            yield draft
