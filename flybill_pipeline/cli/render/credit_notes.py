"""How credit notes look, to the operator and on a customer's bill, and as JSON. Nothing is credited here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.credit_notes import CreditNote, effect, totals, what_is_left
from flybill_pipeline.cli.render import screen
from flybill_pipeline.exports.statement_json import CREDIT_STATES, note_data, note_day

if TYPE_CHECKING:
    from flybill_pipeline.questions.credited import Credited

MOST = 20
NOT_DONE = {
    "new": "is recorded here, but not in Stripe yet",
    "blocked": "was refused by Stripe: nothing is credited",
    "mismatch": "is in Stripe, but not as it should be",
}


def show_credited(credited: "Credited") -> None:
    """What became of one credit, in words."""
    note = credited.note
    what = f"{format_money(note.amount_minor, note.currency)} of line {note.line_no} of {note.month}"
    named = f"credit note {note.number}, in Stripe {note.stripe_number} ({note.stripe_credit_note_id})"
    if credited.before:
        screen.line(f"{note.org_id} was already credited {what} for this reason on {note.issued_at:%Y-%m-%d}:")
        screen.line(f"{named}. Nothing was sent. For another one add --nth {note.nth + 1}.")
    elif credited.done:
        screen.line(f"{note.org_id} is credited {what}: {named}. {effect(note)}")
    else:
        screen.line(f"{note.org_id}: {what}, credit note {note.number}, {NOT_DONE[note.state]}.")
        _show_trouble(note, "another command is sending it")


def show_credit_notes(notes: Sequence[CreditNote]) -> None:
    """What was credited since, per currency, and each note that is not at Stripe as it should be."""
    for currency, total in totals(notes).items():
        issued, pending = (format_money(total[name], currency) for name in ("issued_minor", "pending_minor"))
        waiting = f", {pending} on its way to Stripe" if total["pending_minor"] else ""
        screen.line(f"credited since, which changes no invoice: {issued}{waiting}")
    unfinished = [note for note in notes if note.state != "issued"]
    for note in unfinished[:MOST]:
        screen.line(screen.bad(note.org_id), f" (credit note {note.number}: {CREDIT_STATES[note.state]})")
        _show_trouble(note, "recorded, not sent yet")
    if len(unfinished) > MOST:
        screen.line(f"… and {len(unfinished) - MOST} more credit notes: --json lists all of them")


def _show_trouble(note: CreditNote, otherwise: str) -> None:
    screen.fields({"what happened": note.error_message or otherwise, "what to do": credit_remedy(note)})


def show_what_is_left(total_minor: int, notes: Sequence[CreditNote]) -> None:
    """An invoice's credit notes, and what it comes to after them."""
    screen.line(screen.strong("Credited since"))
    rows = [
        (
            note.number,
            note_day(note).isoformat(),
            str(note.line_no),
            format_money(-note.amount_minor, note.currency),
            note.reason,
            CREDIT_STATES[note.state],
        )
        for note in notes
    ]
    left = format_money(what_is_left(total_minor, notes), notes[0].currency)
    titles = ("credit note", "date", "line", "amount", "reason", "state")
    screen.table(titles, [*rows, ("what is left", "", "", left, "", "")], right=("line", "amount"))


def credit_remedy(note: CreditNote) -> str:
    """What an operator does about a note that is not at Stripe as it should be."""
    if note.state == "issued":
        return ""
    if note.state == "new":
        return f"Nothing is lost: `flybill close {note.month} --org {note.org_id}` sends it, or the same command again."
    return note.error_remedy or ""


def operator_data(note: CreditNote) -> dict[str, Any]:
    """One credit note as JSON, with what only an operator needs to know."""
    trouble = {"what_happened": note.error_message, "what_to_do": credit_remedy(note)}
    return {**note_data(note), "by": note.by, **trouble}


def credited_data(credited: "Credited") -> dict[str, Any]:
    """The JSON of `flybill credit`."""
    return {**operator_data(credited.note), "nth": credited.note.nth, "already": credited.before}
