"""How `flybill reprice` answers: a table of differences, and its JSON. No comparing."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render.console import out
from flybill_pipeline.steps.pricing.reprice_month import Difference, Repriced, totals


def repriced_data(month: Month, found: Sequence[Repriced]) -> dict[str, Any]:
    """The JSON of `flybill reprice`."""
    return {
        "month": str(month),
        "totals": {currency: _data(total) for currency, total in totals(found).items()},
        "organizations": [
            {
                "org_id": org.org_id,
                "currency": org.currency,
                **_data(org.total),
                "meters": [{"meter": name or None, **_data(part)} for name, part in org.meters.items()],
                "problems": list(org.problems),
            }
            for org in found
        ],
    }


def show_repriced(month: Month, found: Sequence[Repriced], most: int = 30) -> None:
    """Totals, then the orgs with the biggest differences, meter by meter."""
    for currency, total in totals(found).items():
        out.print(f"[bold]{month} in {currency}[/bold]: {_words(total, currency)}")
    table = Table(box=None, pad_edge=False)
    for title in ("organization", "meter", "now", "repriced", "difference"):
        table.add_column(title, justify="left" if title in ("organization", "meter") else "right")
    differing = [org for org in found if org.total.difference_minor or org.problems]
    for org in differing[:most]:
        table.add_row(f"[bold]{escape(org.org_id)}[/bold]", "", *_cells(org.total, org.currency))
        for name, part in org.meters.items():
            if part.difference_minor:
                table.add_row("", escape(name or "(no meter)"), *_cells(part, org.currency))
    if differing:
        out.print(table)
    for org in (org for org in differing[:most] if org.problems):
        out.print(f"[red]{escape(org.org_id)}[/red] would be held: {escape(org.problems[0])}")
    if len(differing) > most:
        out.print(f"… and {len(differing) - most} more organizations: --json lists all")
    out.print("Nothing was written.")


def _data(difference: Difference) -> dict[str, int]:
    return {**asdict(difference), "difference_minor": difference.difference_minor}


def _cells(difference: Difference, currency: str) -> tuple[str, str, str]:
    amounts = difference.now_minor, difference.repriced_minor, difference.difference_minor
    now, repriced, change = (format_money(amount, currency) for amount in amounts)
    return now, repriced, change


def _words(total: Difference, currency: str) -> str:
    now, repriced, change = _cells(total, currency)
    return f"{now} by the books in force, {repriced} by these: {change}"
