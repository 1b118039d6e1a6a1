"""Answers `flybill credit`: records the note, sends it, says what became of it. What may be credited, billing knows."""

import os
import pwd
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.credit_note_sync import CreditWork
from flybill_pipeline.billing.payments.credit_notes import CreditNote, CreditRequest, effect
from flybill_pipeline.cli.render.credits import credit_note_data, credit_remedy, out
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.toolbox.tools import Toolbox

PATIENCE = 10.0
"""Seconds without an answer of Stripe after which a person is told that the note waits."""


NOT_DONE = {
    "new": "is recorded here, but not in Stripe yet",
    "blocked": "was refused by Stripe: nothing is credited",
    "mismatch": "is in Stripe, but not as it should be",
}


@dataclass(frozen=True, slots=True)
class Credited:
    """A note as it stands after the command; `before`: it was issued already, and nothing was sent."""

    note: CreditNote
    before: bool

    @property
    def done(self) -> bool:
        """Whether it is at Stripe, as it ought to be."""
        return self.note.state == "issued"


def credit(tools: Toolbox, request: CreditRequest) -> Credited:
    """Makes sure that the note is on record, then at Stripe. Raises CreditRefusedError, with nothing written."""
    note = tools.credit_notes.request(request, tools.now())
    if note.state == "issued":
        return Credited(note, before=True)
    work = CreditWork(note.credit_note_id, note.org_id)
    issue_credit_notes([work], ledger=tools.credit_notes, stripe=tools.stripe, patience=PATIENCE, clock=tools.now)
    return Credited(tools.credit_notes.find(note.credit_note_id), before=False)


def who() -> str:
    """The name under which this machine knows who types; its number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


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
