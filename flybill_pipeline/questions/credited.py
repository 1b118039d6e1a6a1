"""What becomes of a credit that a person decided: the note is recorded, then sent. The rules are billing's."""

from dataclasses import dataclass
from datetime import timedelta

from flybill_pipeline.billing.payments.credit_note_sync import CreditWork
from flybill_pipeline.billing.payments.credit_notes import CreditNote, CreditRequest
from flybill_pipeline.questions.organizations import organizations
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.toolbox.tools import Toolbox

COMMAND_PATIENCE = timedelta(seconds=10)
"""So long a person waits for Stripe before the command says that the note waits."""


@dataclass(frozen=True, slots=True)
class Credited:
    """A note as it stands after the command; `before`: it was issued already, and nothing was sent."""

    note: CreditNote
    before: bool

    @property
    def done(self) -> bool:
        """Whether it is at Stripe, as it ought to be."""
        return self.note.state == "issued"


def credited(tools: Toolbox, request: CreditRequest) -> Credited:
    """Makes sure that the note is on record, then at Stripe; the only answer here that writes something.

    Raises UnknownOrganizationError and CreditRefusedError, with nothing written.
    """
    organizations(tools, [request.org_id])
    note = tools.credit_notes.request(request, tools.now())
    if note.state == "issued":
        return Credited(note, before=True)
    work = CreditWork(note.credit_note_id, note.org_id)
    issue_credit_notes(
        [work], ledger=tools.credit_notes, stripe=tools.stripe, patience=COMMAND_PATIENCE, clock=tools.now
    )
    return Credited(tools.credit_notes.find(note.credit_note_id), before=False)
