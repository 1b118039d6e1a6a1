"""Finalizes one shard of a closed month: drafts in, one outcome for each org out. Prices nothing, sends nothing."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flybill_pipeline.billing.invoicing.outcomes import (
    DEFAULT_POLICY,
    HELD,
    INVOICED,
    NOTHING_TO_BILL,
    Bounds,
    HoldReason,
    OutcomePolicy,
    decide,
)
from flybill_pipeline.billing.invoicing.settlement import DraftTotal, Settlement
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.amounts import minimum_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.backlog import Backlog, Landing
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.sentence import Money
from flybill_pipeline.billing.words.settled import settled_words

BATCH = 1_000  # orgs in one transaction: what is settled stays settled when a later batch fails


class MonthStillOpenError(Exception):
    """The month has not ended yet, so nothing of it may be finalized."""


class UsageNotReadError(Exception):
    """Usage has landed that the drafts were priced without, so nothing of them may be finalized."""


class Invoices(Protocol):
    """Where finalized months are kept."""

    def open_drafts(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> list[DraftTotal]: ...
    def settle(self, month: Month, shard: int, decided: Sequence[Settlement], now: datetime) -> Collection[str]: ...


class Holds(Protocol):
    """What deciding needs to know of an org's past."""

    def trailing_averages(self, month: Month, shard: int) -> Mapping[tuple[str, str], int]: ...
    def released(self, month: Month) -> Mapping[str, int]: ...


class LandedUsage(Protocol):
    """What has landed, beside what drafts were priced from."""

    def missing(self, month: Month, priced_from: Collection[str | None], landing: Landing) -> Backlog: ...


@dataclass(frozen=True, slots=True)
class FinalizeReport:
    """What was settled: orgs by outcome, invoiced minor units per currency, and each held org with its code.

    Of those `left_out` nothing was decided: since they were priced, another month of theirs was settled. They must be
    priced again.
    """

    outcomes: Mapping[str, int]
    invoiced: Mapping[str, int]
    held: Sequence[tuple[str, str]]
    left_out: Sequence[str] = ()


def finalize_shard(
    part: ShardMonth, invoices: Invoices, holds: Holds, usage: LandedUsage, policy: OutcomePolicy = DEFAULT_POLICY
) -> FinalizeReport:
    """Decides and settles every open draft of the shard, or of its orgs `only`. Safe to run again at any time.

    When another close prices drafts again in the meantime, the new drafts are decided.
    Raises MonthStillOpenError before the month has ended: its usage may still change. Raises UsageNotReadError when
    usage had landed by the time that the close began, and the drafts were priced without it.
    """
    month, shard = part.month, part.shard
    _require_ended(part)
    settled, left_out = list[Settlement](), list[str]()
    drafts = invoices.open_drafts(month, shard, part.only)
    usual = holds.trailing_averages(month, shard) if drafts and policy.hold_above_multiple is not None else {}
    released = holds.released(month) if drafts else {}
    while drafts:
        _require_all_usage(part, drafts, usage)
        decided = [_settlement(month, draft, _bounds(draft, policy, usual, released)) for draft in drafts]
        settled += _settle(part, decided, invoices)
        missed = {each.org_id: each.priced_at for each in drafts}
        for settlement in settled:
            missed.pop(settlement.draft.org_id, None)
        still_open = invoices.open_drafts(month, shard, sorted(missed)) if missed else []
        drafts = [draft for draft in still_open if draft.priced_at != missed[draft.org_id]]
        left_out += [draft.org_id for draft in still_open if draft.priced_at == missed[draft.org_id]]
    return _report(settled, left_out)


def _settle(part: ShardMonth, decided: Sequence[Settlement], invoices: Invoices) -> list[Settlement]:
    """What of it was settled; the rest had changed since it was read."""
    settled: list[Settlement] = []
    for start in range(0, len(decided), BATCH):
        batch = decided[start : start + BATCH]
        stored = invoices.settle(part.month, part.shard, batch, part.now)
        settled += [settlement for settlement in batch if settlement.draft.org_id in stored]
    return settled


def _require_ended(part: ShardMonth) -> None:
    if part.now < part.month.end:
        raise MonthStillOpenError(
            f"{part.month} ends on {part.month.last_day} (UTC): it cannot be finalized before. "
            f"`flybill owes ORG --month {part.month}` shows what it comes to so far."
        )


def _require_all_usage(part: ShardMonth, drafts: Sequence[DraftTotal], usage: LandedUsage) -> None:
    """Asked here and nowhere else, as every way to close a month comes through this step."""
    landing = Landing(by=part.landed_by or part.now, until=part.now)
    if backlog := usage.missing(part.month, {draft.priced_from for draft in drafts}, landing):
        raise UsageNotReadError(backlog.sentence(part.month))


def _bounds(
    draft: DraftTotal, policy: OutcomePolicy, usual: Mapping[tuple[str, str], int], released: Mapping[str, int]
) -> Bounds:
    currency = draft.currency or ""
    minimum = minimum_minor(currency) if currency else 0
    return Bounds(minimum, policy, usual.get((draft.org_id, currency)), released.get(draft.org_id))


def _settlement(month: Month, draft: DraftTotal, bounds: Bounds) -> Settlement:
    if draft.currency is None and not draft.problems:
        return Settlement(draft, NOTHING_TO_BILL, message="its usage belongs to another organization by now")
    if draft.currency is None:
        problem = draft.problems[0]
        return Settlement(draft, HELD, problem["code"], problem["message"], problem["remedy"])
    problems = [HoldReason(p["code"], p["message"], p["remedy"]) for p in draft.problems]
    decision = decide(draft.total_minor, draft.currency, problems, bounds)
    total = Money(decision.total_minor, decision.currency)
    return Settlement(
        draft=draft,
        outcome=decision.outcome,
        code=decision.code,
        message=decision.message,
        remedy=decision.remedy,
        customer_message=english(*settled_words(month, decision.outcome, decision.code, total)),
    )


def _report(decided: Sequence[Settlement], left_out: Sequence[str]) -> FinalizeReport:
    invoiced: Counter[str] = Counter()
    for settlement in decided:
        if settlement.outcome == INVOICED:
            invoiced[str(settlement.draft.currency)] += settlement.draft.total_minor
    held = [(s.draft.org_id, str(s.code)) for s in decided if s.outcome == HELD]
    return FinalizeReport(dict(Counter(s.outcome for s in decided)), dict(invoiced), held, left_out)
