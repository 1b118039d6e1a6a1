"""Credits a part of an invoice: records the note, sends it, answers what became of it. The rules are billing's."""

import os
import pwd
from dataclasses import dataclass

from flybill_pipeline.billing.payments.credit_note_sync import CreditWork
from flybill_pipeline.billing.payments.credit_notes import CreditNote, CreditRequest
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.toolbox.tools import Toolbox

PATIENCE = 10.0
"""Seconds without an answer of Stripe after which a person is told that the note waits."""


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
