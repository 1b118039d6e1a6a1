"""Whether a month is billed: one sentence for who looks first, beside all that `status` tells. Stripe is not asked."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.questions.month_status import MonthOverview, month_status
from flybill_pipeline.stores.payments.statements import FailedOrgMonth, MonthStatus
from flybill_pipeline.toolbox.tools import Toolbox

MOST_REASONS = 3
_STAGES = {"finalize": ("is held", "are held"), "sync": ("is not at Stripe", "are not at Stripe")}


@dataclass(frozen=True, slots=True)
class Standing:
    """`fine`: nobody waits whose month should be done by now, and Stripe's own list says the same as we do.

    `waiting` counts the organizations that should be done and are not; `sentence` says how many, and why.
    """

    fine: bool
    waiting: int
    sentence: str


@dataclass(frozen=True, slots=True)
class MonthBilled:
    """A month in one page. `by_meter`: currency, then meter, then what its usage comes to, in minor units."""

    standing: Standing
    overview: MonthOverview
    by_meter: Mapping[str, Mapping[str, int]]


def month_billed(tools: Toolbox, month: Month) -> MonthBilled:
    """Whether the month is billed now, and all that is known of it."""
    overview = month_status(tools, month)
    standing = standing_of(overview, tools.now(), tools.closing_day)
    return MonthBilled(standing, overview, tools.month_figures.by_meter(month))


def standing_of(overview: MonthOverview, now: datetime, closing_day: int) -> Standing:
    """Whether the month is billed as of `now`. Nobody waits for a close before `closing_day` of the next month is over.

    An invoice that is on its way to Stripe waits too, whatever it waits for.
    """
    bills = overview.bills
    if now < bills.month.end:
        return Standing(True, 0, _running(bills, now))
    due = now >= bills.month.end + timedelta(days=closing_day)
    undecided = bills.undecided if due else 0
    waiting = len(bills.failures) + _on_their_way(bills) + undecided
    wrong = overview.reconciliation.is_wrong()
    words = [_who_waits(bills, waiting, undecided) if waiting else _nobody_waits(bills, closing_day)]
    words += [breaker.standing] if (breaker := stopped_by(overview)) else []
    words += [overview.reconciliation.message] if bills.outcomes else []
    return Standing(not waiting and not wrong, waiting, " ".join(filter(None, words)))


def stopped_by(overview: MonthOverview) -> OpenBreaker | None:
    """Why no calls to Stripe are made for anybody, where invoices of the month wait for them; else None."""
    waits = any(count for state, count in overview.bills.sync.items() if state != "finalized")
    return overview.sync.breaker if waits else None


def _running(bills: MonthStatus, now: datetime) -> str:
    if now < bills.month.start:
        return f"{bills.month} has not begun."
    return f"{bills.month} is still running: it ends after {bills.month.last_day}, UTC."


def _nobody_waits(bills: MonthStatus, closing_day: int) -> str:
    if not bills.organizations:
        return f"There is nobody to bill for {bills.month}."
    if bills.undecided:
        who = _organizations(bills.undecided)
        return f"{who} will be billed when the month is closed, on {_closing_date(bills.month, closing_day)}."
    became = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(bills.outcomes.items()))
    whole = "The one organization is" if bills.organizations == 1 else f"All of {bills.organizations} organizations are"
    return f"{whole} done: {became}."


def _who_waits(bills: MonthStatus, waiting: int, undecided: int) -> str:
    reasons = [*_failed(bills.failures)]
    if sending := _on_their_way(bills):
        reasons.append(f"{sending} {'is' if sending == 1 else 'are'} on the way to Stripe")
    if undecided:
        reasons.append(f"{undecided} {'is' if undecided == 1 else 'are'} not closed, though the closing day is over")
    verb = "waits" if waiting == 1 else "wait"
    return f"{waiting} of {_organizations(bills.organizations)} {verb}: {', '.join(reasons)}."


def _failed(failures: Sequence[FailedOrgMonth]) -> Iterator[str]:
    """The reasons that most organizations have in common, then how many there are besides."""
    counted = Counter((failure.stage, failure.code) for failure in failures).most_common()
    for (stage, code), count in counted[:MOST_REASONS]:
        one, many = _STAGES[stage]
        yield f"{count} {one if count == 1 else many} ({code})"
    if others := sum(count for _, count in counted[MOST_REASONS:]):
        yield f"{others} for other reasons"


def _on_their_way(bills: MonthStatus) -> int:
    """Invoices that are not at Stripe and have no error either."""
    unsynced = sum(count for state, count in bills.sync.items() if state != "finalized")
    return unsynced - sum(failure.stage == "sync" for failure in bills.failures)


def _organizations(count: int) -> str:
    return "1 organization" if count == 1 else f"{count} organizations"


def _closing_date(month: Month, closing_day: int) -> str:
    return f"{month.next()}-{closing_day:02d}"
