"""What is shown of drafts, of finalized, verified and exported invoices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.defs.metadata.tables import Metadata, evidence, money
from flybill_pipeline.questions.verified import VerifiedMonth
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport
from flybill_pipeline.steps.pricing.price_usage import PricingReport


def pricing_metadata(report: PricingReport, movers: Sequence[Mapping[str, Any]] = ()) -> Metadata:
    """Drafts, lines, what they come to, who has a problem, and whose total changed most since the month before."""
    problems = [{"org_id": org, "problem": code} for org, code in report.problems]
    too_late = [{"org_id": org, "service month": str(month)} for org, month in report.too_late]
    return {
        "dagster/partition_row_count": report.lines,
        "organizations": report.drafts,
        **money(report.totals, "drafted"),
        "organizations as they were": report.unchanged,
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


def exported_metadata(organizations: int, folder: Path) -> Metadata:
    """How many organizations were written, and where."""
    return {"dagster/partition_row_count": organizations, "folder": dg.MetadataValue.path(str(folder))}
