"""How `flybill reprice` answers: a table of differences, and its JSON. No comparing."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.repriced import RepricedMonth
from flybill_pipeline.steps.pricing.reprice_month import Difference, Repriced

MOST = 30
AMOUNTS = ("now", "repriced", "difference")


def show_repriced(repriced: RepricedMonth) -> None:
    """Totals, then the orgs with the biggest differences, meter by meter."""
    for currency, total in repriced.totals.items():
        now, then, change = _cells(total, currency)
        title = screen.strong(f"{repriced.month} in {currency}")
        screen.line(title, f": {now} by the books in force, {then} by these: {change}")
    differing = [org for org in repriced.organizations if org.total.difference_minor or org.problems]
    if differing:
        screen.table(("organization", "meter", *AMOUNTS), _rows(differing[:MOST]), right=AMOUNTS)
    for org in (org for org in differing[:MOST] if org.problems):
        screen.line(screen.bad(org.org_id), f" would be held: {org.problems[0]}")
    if len(differing) > MOST:
        screen.line(f"… and {len(differing) - MOST} more organizations: --json lists all")
    screen.line("Nothing was written.")


def _rows(orgs: Sequence[Repriced]) -> Iterator[tuple[screen.Piece, ...]]:
    for org in orgs:
        yield screen.strong(org.org_id), "", *_cells(org.total, org.currency)
        for name, part in org.meters.items():
            if part.difference_minor:
                yield "", name or "(no meter)", *_cells(part, org.currency)


def repriced_data(repriced: RepricedMonth) -> dict[str, Any]:
    """The JSON of `flybill reprice`."""
    return {
        "month": str(repriced.month),
        "totals": {currency: _data(total) for currency, total in repriced.totals.items()},
        "organizations": [
            {
                "org_id": org.org_id,
                "currency": org.currency,
                **_data(org.total),
                "meters": [{"meter": name or None, **_data(part)} for name, part in org.meters.items()],
                "problems": list(org.problems),
            }
            for org in repriced.organizations
        ],
    }


def _data(difference: Difference) -> dict[str, int]:
    return {**asdict(difference), "difference_minor": difference.difference_minor}


def _cells(difference: Difference, currency: str) -> tuple[str, str, str]:
    amounts = difference.now_minor, difference.repriced_minor, difference.difference_minor
    now, repriced, change = (format_money(amount, currency) for amount in amounts)
    return now, repriced, change
