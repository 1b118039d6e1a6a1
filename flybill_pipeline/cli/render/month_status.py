"""How `status` and `close` tell where a month stands, and its JSON. Its sync and payments have files of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.credit_notes import totals as credited
from flybill_pipeline.cli.render import (
    credit_notes,
    month_open,
    payments,
    reconciliation,
    rejected_usage,
    screen,
    sync_progress,
    taken_tables,
    untold,
)
from flybill_pipeline.questions.month_status import MonthOverview
from flybill_pipeline.stores.payments.statements import FailedOrgMonth, MonthStatus

MOST, MOST_NAMED = 20, 5
"""Of troubles that are told, and of organizations that are named at each."""


def show_overview(overview: MonthOverview) -> None:
    """The month's bills, then what else an operator should know: usage that does not count, the sync, payments."""
    show_bills(overview.bills)
    month_open.show_running(overview.bills.month, overview.now)
    rejected_usage.show_count(overview.rejected)
    taken_tables.show_tables(overview.tables)
    month_open.show_first(overview.bills.month, overview.first, overview.usage_before)
    month_open.show_late(overview.late)
    reconciliation.show_stripe(overview.stripe)
    sync_progress.show_sync(overview.sync)
    untold.show_untold(overview.untold)
    reconciliation.show_verdict(overview.reconciliation)
    payments.show_payments(overview.payments)
    month_open.show_overdue(overview.overdue)


def overview_data(overview: MonthOverview) -> dict[str, Any]:
    """The JSON of `flybill status`."""
    return {
        **bills_data(overview.bills),
        "usage": rejected_usage.count_data(overview.rejected) | {"tables": taken_tables.tables_data(overview.tables)},
        **sync_progress.sync_data(overview.sync),
        "stripe_account": reconciliation.stripe_data(overview.stripe),
        "customers_to_tell": untold.untold_data(overview.untold),
        "reconciliation": reconciliation.verdict_data(overview.reconciliation),
        "payments": payments.payments_data(overview.payments),
        "late_usage": month_open.late_data(overview.late),
        "usage_before": month_open.before_data(overview.usage_before),
        "months_not_closed": month_open.overdue_data(overview.overdue),
    }


def show_bills(bills: MonthStatus) -> None:
    """The month at a glance, then what a person has to mend."""
    screen.line(screen.strong(str(bills.month)), f": {screen.counted(bills.organizations, 'organization')}")
    counts = {outcome.replace("_", " "): count for outcome, count in bills.outcomes.items()}
    if bills.undecided:
        counts["not closed yet"] = bills.undecided
    if bills.too_late:
        counts["with usage too late to bill"] = bills.too_late
    counts |= {f"sync: {state}": count for state, count in bills.sync.items()}
    screen.numbers(counts)
    for entry in bills.released:
        screen.line(f"{entry['org_id']} ({entry['code']}) was released by {entry['by']}: {entry['reason']}")
    show_totals(bills.totals)
    credit_notes.show_credit_notes(bills.credit_notes)
    if bills.sync.get("finalized", 0):
        screen.line(f"Stripe calls: {bills.calls} ({calls_per_invoice(bills)} per finalized invoice)")
    _show_failures(bills.failures)


def calls_per_invoice(bills: MonthStatus) -> str:
    """Calls of the month per invoice that stands in Stripe, with two decimals; "0.00" when there is none."""
    synced = bills.sync.get("finalized", 0)
    hundredths = (bills.calls * 200 + synced) // (2 * synced) if synced else 0
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def show_totals(totals: Mapping[str, Mapping[str, int]]) -> None:
    """Per currency our total and what Stripe has of it."""
    if not totals:
        return
    titles = ("currency", "invoiced here", "finalized in Stripe", "difference")
    rows = []
    for currency, total in totals.items():
        ours, theirs = total["invoiced_minor"], total["synced_minor"]
        rows.append((currency, *(format_money(amount, currency) for amount in (ours, theirs, ours - theirs))))
    screen.table(titles, rows, right=titles[1:])


def _show_failures(failures: Sequence[FailedOrgMonth]) -> None:
    """Who is not done, why, and what to do about it; several are told together where the words are the same."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for failure in failures:
        words = (failure.message, failure.remedy, failure.customer_message, _next_attempt(failure))
        alike.setdefault((f"{failure.stage}: {failure.code}", *words), []).append(failure.org_id)
    for key, org_ids in islice(alike.items(), MOST):
        what, *said = key
        screen.line(screen.bad(", ".join(org_ids[:MOST_NAMED])), _and_more(org_ids), f" ({what})")
        screen.fields(dict(zip(("what happened", "what to do", "customer sees", "next attempt"), said, strict=True)))
    if left := sum(map(len, islice(alike.values(), MOST, None))):
        screen.line(f"… and {left} more: `flybill status MONTH --json` lists all of them")


def _and_more(org_ids: Sequence[str]) -> str:
    return f" and {len(org_ids) - MOST_NAMED} more" if len(org_ids) > MOST_NAMED else ""


def _next_attempt(failure: FailedOrgMonth) -> str:
    at = failure.next_attempt_at
    return f"{at:%Y-%m-%d %H:%M:%S} UTC (attempt {failure.attempts + 1})" if at else ""


def bills_data(bills: MonthStatus) -> dict[str, Any]:
    """The members of the JSON of `flybill status` that are about bills."""
    return {
        "month": str(bills.month),
        "organizations": bills.organizations,
        "undecided": bills.undecided,
        "outcomes": dict(bills.outcomes),
        "sync": dict(bills.sync),
        "totals": {currency: dict(total) for currency, total in bills.totals.items()},
        "credited": credited(bills.credit_notes),
        "credit_notes": [credit_notes.operator_data(note) for note in bills.credit_notes],
        "failures": [
            asdict(failure) | {"next_attempt_at": failure.next_attempt_at and failure.next_attempt_at.isoformat()}
            for failure in bills.failures
        ],
        "lines": bills.lines,
        "too_late": bills.too_late,
        "released": [{**entry, "at": entry["at"].isoformat()} for entry in bills.released],
        "stripe_calls": bills.calls,
        "calls_per_invoice": calls_per_invoice(bills),
    }
