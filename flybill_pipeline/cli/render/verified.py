"""How `flybill verify` answers: in words and as JSON. No comparing."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from flybill_pipeline.cli.render import screen, taken_tables
from flybill_pipeline.questions.verified import VerifiedMonth
from flybill_pipeline.steps.invoicing.verify_invoices import SAME, Verified

MOST = 20


def show_verified(verified: VerifiedMonth) -> None:
    """How many are the same, and every one that is not."""
    count, differing, late = len(verified.invoices), verified.differing, len(verified.late)
    if not count:
        screen.line(screen.strong(str(verified.month)), ": there is no invoice to price again.")
        return
    same = f": {count - len(differing)} of {count} invoices are the same when they are priced again."
    screen.line(screen.strong(str(verified.month)), same)
    if late:
        screen.line(f"The usage of {late} of them has changed since, which is the business of a later invoice.")
    for sentence in taken_tables.priced_from(verified.tables):
        screen.line(sentence)
    for invoice in differing[:MOST]:
        screen.line(screen.bad(invoice.org_id), f" {invoice.number} ({invoice.verdict}): {invoice.message}")
        for difference in invoice.differences[:MOST]:
            screen.line(f"  {difference}")
    if len(differing) > MOST:
        screen.line(f"… and {len(differing) - MOST} more: --json lists all")


def verified_data(verified: VerifiedMonth) -> dict[str, Any]:
    """The JSON of `flybill verify`: numbers, then each invoice that differs or whose usage has changed since."""
    return {
        "month": str(verified.month),
        "invoices": len(verified.invoices),
        "verdicts": dict(sorted(Counter(invoice.verdict for invoice in verified.invoices).items())),
        "usage_changed_since": len(verified.late),
        "tables": taken_tables.tables_data(verified.tables),
        "differing": [_data(invoice) for invoice in verified.differing],
        "late": [_data(invoice) for invoice in verified.late if invoice.verdict == SAME],
    }


def _data(invoice: Verified) -> dict[str, Any]:
    return asdict(invoice) | {"differences": list(invoice.differences)}
