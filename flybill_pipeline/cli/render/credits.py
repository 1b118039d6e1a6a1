"""How credit notes look to a person at a terminal, and as JSON. No queries, no decisions, nothing for customers."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.credit_notes import CreditNote, totals, what_is_left

CREDIT_STATES = {"new": "pending", "issued": "issued", "blocked": "refused", "mismatch": "differs"}
"""What the states of a credit note are called where people and programs read them."""

out = Console(highlight=False, soft_wrap=True)


def show_credit_notes(notes: Sequence[CreditNote], most: int = 20) -> None:
    """What was credited since, per currency, and each note that is not at Stripe as it should be."""
    for currency, total in totals(notes).items():
        issued, pending = (format_money(total[name], currency) for name in ("issued_minor", "pending_minor"))
        waiting = f", {pending} on its way to Stripe" if total["pending_minor"] else ""
        out.print(f"credited since, which changes no invoice: {issued}{waiting}")
    unfinished = [note for note in notes if note.state != "issued"]
    for note in unfinished[:most]:
        out.print(f"[red]{escape(note.org_id)}[/red] (credit note {note.number}: {CREDIT_STATES[note.state]})")
        out.print(f"  what happened: {escape(note.error_message or 'recorded, not sent yet')}")
        out.print(f"  what to do:    {escape(credit_remedy(note))}")
    if len(unfinished) > most:
        out.print(f"… and {len(unfinished) - most} more credit notes: --json lists all of them")


def show_what_is_left(total_minor: int, notes: Sequence[CreditNote]) -> None:
    """An invoice's credit notes, and what it comes to after them."""
    out.print("[bold]Credited since[/bold]")
    table = Table(box=None, pad_edge=False)
    for title in ("credit note", "date", "line", "amount", "reason", "state"):
        table.add_column(title, justify="right" if title in ("line", "amount") else "left")
    for note in notes:
        data = credit_note_data(note)
        amount = format_money(-note.amount_minor, note.currency)
        table.add_row(note.number, data["date"], str(note.line_no), amount, escape(note.reason), data["state"])
    table.add_row("what is left", "", "", format_money(what_is_left(total_minor, notes), notes[0].currency), "", "")
    out.print(table)


def credit_remedy(note: CreditNote) -> str:
    """What an operator does about a note that is not at Stripe as it should be."""
    if note.state == "issued":
        return ""
    if note.state == "new":
        return f"Nothing is lost: `flybill close {note.month} --org {note.org_id}` sends it, or the same command again."
    return note.error_remedy or ""


def credit_note_data(note: CreditNote) -> dict[str, Any]:
    """One credit note as JSON."""
    return {
        "number": note.number,
        "credit_note_id": note.credit_note_id,
        "org_id": note.org_id,
        "month": note.month,
        "line": note.line_no,
        "amount_minor": note.amount_minor,
        "currency": note.currency,
        "reason": note.reason,
        "date": (note.issued_at or note.requested_at).date().isoformat(),
        "state": CREDIT_STATES[note.state],
        "to_balance_minor": note.balance_minor if note.state == "issued" else None,
        "stripe_credit_note_id": note.stripe_credit_note_id,
        "stripe_number": note.stripe_number,
    }
