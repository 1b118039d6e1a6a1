"""What made a month's bill another than that of the month before, by product and app: priced as invoices are.

A running month is compared by its whole days with as many days of the month before, and by its usage alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flybill_pipeline.billing.invoicing.changes import Change, changes
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.usage_lines import price_days
from flybill_pipeline.billing.words.changes import changed_words
from flybill_pipeline.billing.words.sentence import Money, Words
from flybill_pipeline.questions.org_month import DaysOfMonth, OrgMonth, org_month, priced_now


@dataclass(frozen=True, slots=True)
class Changed:
    """What both months come to, in minor units of one currency, and what made the difference, the largest first.

    `days`: the first days that are compared, of a month that still runs; None where all of both is.
    """

    before: Month
    days: int | None
    currency: str
    now_minor: int
    before_minor: int
    changes: Sequence[Change]
    words: Words


def changed_so_far(of: OrgMonth, days: DaysOfMonth, up_to: datetime | None) -> Changed | None:
    """Of a running month whose usage is known `up_to` then; None where there is nothing to compare it with."""
    whole = 0 if up_to is None else (min(up_to, of.asked.tools.now()).date() - of.month.first_day).days
    if whole < 1:
        return None
    before = of.month.previous()
    return _changed(of, _first_days(days, whole), _first_days(of.asked.days_of(before), whole), whole)


def changed_since(of: OrgMonth, lines: Sequence[LineItem]) -> Changed | None:
    """Of a month that has ended, and has these lines; None where there is nothing to compare it with."""
    earlier = org_month(of.asked, of.month.previous())
    recorded = of.asked.tools.recorded_lines.of(of.asked.org_id, earlier.month) if earlier.is_settled else None
    return _changed(of, lines, priced_now(earlier).draft.lines if recorded is None else recorded, None)


def _first_days(days: DaysOfMonth, count: int) -> Sequence[LineItem]:
    if days.books is None:
        return ()
    totals = days.used.totals if days.used else ()  # a contract's minimum is due without usage, too
    end = min(days.month.first_day + timedelta(days=count - 1), days.month.last_day)
    return next(iter(price_days(days.books, totals, [end]))).lines


def _changed(of: OrgMonth, now: Sequence[LineItem], then: Sequence[LineItem], days: int | None) -> Changed | None:
    currencies = {line.currency for line in (*now, *then)}
    if not then or len(currencies) != 1:
        return None
    (currency,), before = currencies, of.month.previous()
    ours, theirs, found = total_minor(now), total_minor(then), changes(now, then)
    sums = Money(ours, currency), Money(theirs, currency)
    words = changed_words(of.month, before, *sums, days=days, same=not found)
    return Changed(before, days, currency, ours, theirs, found, words)
