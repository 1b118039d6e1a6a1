"""How `flybill verify` answers: in words and as JSON. No comparing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render.console import out
from flybill_pipeline.steps.invoicing.verify_invoices import SAME, Verified


def verified_data(month: Month, found: Sequence[Verified]) -> dict[str, Any]:
    """The JSON of `flybill verify`: numbers, then each invoice that differs or whose usage has changed since."""
    return {
        "month": str(month),
        "invoices": len(found),
        "verdicts": dict(sorted(Counter(each.verdict for each in found).items())),
        "usage_changed_since": sum(each.late for each in found),
        "differing": [_data(each) for each in found if each.verdict != SAME],
        "late": [_data(each) for each in found if each.late and each.verdict == SAME],
    }


def show_verified(month: Month, found: Sequence[Verified], most: int = 20) -> None:
    """How many are the same, and every one that is not."""
    same = sum(each.verdict == SAME for each in found)
    out.print(f"[bold]{month}[/bold]: {same} of {len(found)} invoices are the same when they are priced again.")
    late = sum(each.late for each in found)
    if late:
        out.print(f"The usage of {late} of them has changed since, which is the business of a later invoice.")
    differing = [each for each in found if each.verdict != SAME]
    for each in differing[:most]:
        out.print(f"[red]{escape(each.org_id)}[/red] {each.number} ({each.verdict}): {escape(each.message)}")
        for difference in each.differences[:most]:
            out.print(f"  {escape(difference)}")
    if len(differing) > most:
        out.print(f"… and {len(differing) - most} more: --json lists all")


def _data(each: Verified) -> dict[str, Any]:
    return asdict(each) | {"differences": list(each.differences)}
