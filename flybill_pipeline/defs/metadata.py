"""What an operator sees beside a materialization: counts, money, offenders. Formats only; computes nothing."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.defs.pictures import bars
from flybill_pipeline.questions.verified import VerifiedMonth
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport
from flybill_pipeline.steps.pricing.price_usage import PricingReport
from flybill_pipeline.steps.sync.reconcile_invoices import Reconciliation
from flybill_pipeline.steps.usage.compare_days import ComparisonReport
from flybill_pipeline.steps.usage.compile_usage import RollupReport
from flybill_pipeline.steps.usage.record_usage import DayReport, IntakeReport

MOST_ROWS = 100
Metadata = dict[str, Any]


def pricing_metadata(report: PricingReport, movers: Sequence[Mapping[str, Any]] = ()) -> Metadata:
    """Drafts, lines, what they come to, who has a problem, and whose total changed most since the month before."""
    problems = [{"org_id": org, "problem": code} for org, code in report.problems]
    too_late = [{"org_id": org, "service month": str(month)} for org, month in report.too_late]
    return {
        "dagster/partition_row_count": report.lines,
        "organizations": report.drafts,
        **money(report.totals, "drafted"),
        "organizations with a problem": len(problems),
        "organizations billed for earlier months too": report.adjusted,
        "organizations with usage too late to bill": len({org for org, _ in report.too_late}),
        **evidence(problems, "problems"),
        **evidence([_moved(each) for each in movers], "moved most since the month before"),
        **evidence(too_late, "usage too late to bill"),
    }


def _moved(mover: Mapping[str, Any]) -> dict[str, str]:
    before, now, currency = mover["before"], mover["now"], mover["currency"]
    amounts = {"before": before, "now": now, "difference": now - before}
    return {"org_id": mover["org_id"], **{name: format_money(minor, currency) for name, minor in amounts.items()}}


def finalize_metadata(report: FinalizeReport) -> Metadata:
    """Orgs by outcome, what was invoiced, and who is held."""
    held = [{"org_id": org, "reason": code} for org, code in report.held]
    return {
        "dagster/partition_row_count": report.outcomes.get("invoiced", 0),
        **{outcome.replace("_", " "): count for outcome, count in sorted(report.outcomes.items())},
        **money(report.invoiced, "invoiced"),
        **evidence(held, "held organizations"),
    }


def intake_metadata(
    report: IntakeReport, compared: ComparisonReport | None, bad: Sequence[Mapping[str, Any]]
) -> Metadata:
    """What one look into the landing zone brought, how many ids came with two times, and rows in quarantine."""
    broken = [{"file": file.path, "what happened": file.reason, "what to do": file.remedy} for file in report.broken]
    quarantined = [{"reason": reason, "rows": rows} for reason, rows in report.quarantined.items()]
    return {
        "files": len(report.files),
        "dagster/row_count": report.rows,
        "bytes": sum(file.size for file in report.files),
        "days touched": len(report.days),
        "rows in quarantine": sum(report.quarantined.values()),
        "broken files": len(broken),
        **({"ids on more than one day": compared.conflicts} if compared else {}),
        **evidence(quarantined, "quarantine"),
        **evidence(bad, "rows in quarantine, the newest first"),
        **evidence(broken, "files that could not be read"),
    }


def day_metadata(report: DayReport, left_out: Sequence[Mapping[str, Any]]) -> Metadata:
    """What counts on a day, and what does not; `left_out` are rows of sums that are too large."""
    return {
        "dagster/partition_row_count": report.rows,
        "files": report.pieces,
        "duplicates": report.duplicates,
        "conflicts": report.conflicts,
        "too large": report.too_large,
        **evidence(left_out, "rows of sums that are too large"),
    }


def rollup_metadata(report: RollupReport) -> Metadata:
    """How many totals a day has, and of how many events."""
    return {"dagster/partition_row_count": report.rows, "events": report.events}


def reconciliation_metadata(found: Reconciliation) -> Metadata:
    """Both sides' totals, and every row of the outer join that differs."""
    ours = {currency: total["ours"] for currency, total in found.totals.items()}
    theirs = {currency: total["theirs"] for currency, total in found.totals.items()}
    filled = found.differences.astype(object).where(found.differences.notna(), None)
    rows = [{str(name): value for name, value in row.items()} for row in filled.to_dict("records")]
    return {
        "invoices that match": found.matched,
        "invoices that differ": len(rows),
        "pages of Stripe's list": found.pages,
        **money(ours, "here"),
        **money(theirs, "in Stripe"),
        **evidence(rows, "differences"),
    }


def verification_metadata(verified: VerifiedMonth) -> Metadata:
    """How many invoices came out as they were finalized, and which did not."""
    differing = [
        {
            "org_id": invoice.org_id,
            "invoice": invoice.number,
            "what happened": invoice.message,
            "lines": "; ".join(invoice.differences),
        }
        for invoice in verified.differing
    ]
    return {
        "invoices": len(verified.invoices),
        "the same": len(verified.invoices) - len(differing),
        "usage changed since": len(verified.late),
        **evidence(differing, "invoices that differ"),
    }


def month_pictures(by_meter: Mapping[str, Mapping[str, int]], outcomes: Mapping[str, int]) -> Metadata:
    """The month as pictures: what each meter came to, by currency, and what became of the organizations."""
    found: Metadata = {}
    for currency, amounts in sorted(by_meter.items()):
        title = f"{currency}: revenue by meter"
        found[title] = bars(title, amounts, partial(format_money, currency=currency))
    if outcomes:
        found["outcomes"] = bars("organizations by outcome", {o.replace("_", " "): n for o, n in outcomes.items()})
    return found


def totals_metadata(totals: Mapping[str, Mapping[str, int]]) -> Metadata:
    """Per currency what was invoiced here and what of it is finalized in Stripe."""
    invoiced = {currency: total["invoiced_minor"] for currency, total in totals.items()}
    synced = {currency: total["synced_minor"] for currency, total in totals.items()}
    return {**money(invoiced, "invoiced"), **money(synced, "finalized in Stripe")}


def money(totals: Mapping[str, int], label: str) -> Metadata:
    """An amount per currency, as text and as the integer that Dagster plots over the partitions."""
    found: Metadata = {}
    for currency, minor in sorted(totals.items()):
        found[f"{label} {currency}"] = format_money(minor, currency)
        found[f"{label} {currency} minor units"] = minor
    return found


def evidence(rows: Sequence[Mapping[str, Any]], title: str) -> Metadata:
    """The rows as a table under `title`, cut at a readable length; nothing when there are none."""
    if not rows:
        return {}
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows[:MOST_ROWS]]
    return {title: dg.MetadataValue.table(records=records)}


def _cell(value: Any) -> str | int | bool | None:
    return value if isinstance(value, str | int | bool) or value is None else str(value)
