"""How `flybill credit` answers: in words and as JSON. No decisions."""

from typing import Any

from rich.markup import escape

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.credit_notes import effect
from flybill_pipeline.cli.render.credits import credit_note_data, credit_remedy, out
from flybill_pipeline.questions.credited import Credited

NOT_DONE = {
    "new": "is recorded here, but not in Stripe yet",
    "blocked": "was refused by Stripe: nothing is credited",
    "mismatch": "is in Stripe, but not as it should be",
}


def credited_data(credited: Credited) -> dict[str, Any]:
    """The JSON of `flybill credit`."""
    note = credited.note
    return {
        **credit_note_data(note),
        "by": note.by,
        "nth": note.nth,
        "already": credited.before,
        "what_happened": note.error_message,
        "what_to_do": credit_remedy(note),
    }


def show_credited(credited: Credited) -> None:
    """What became of it, in words."""
    note = credited.note
    what = f"{format_money(note.amount_minor, note.currency)} of line {note.line_no} of {note.month}"
    named = f"credit note {note.number}, in Stripe {note.stripe_number} ({note.stripe_credit_note_id})"
    if credited.before:
        out.print(f"{escape(note.org_id)} was already credited {what} for this reason on {note.issued_at:%Y-%m-%d}:")
        out.print(f"{named}. Nothing was sent. For another one add --nth {note.nth + 1}.")
    elif credited.done:
        out.print(f"{escape(note.org_id)} is credited {what}: {named}. {effect(note)}")
    else:
        out.print(f"{escape(note.org_id)}: {what}, credit note {note.number}, {NOT_DONE[note.state]}.")
        out.print(f"  what happened: {escape(note.error_message or 'another command is sending it')}")
        out.print(f"  what to do:    {escape(credit_remedy(note))}")
