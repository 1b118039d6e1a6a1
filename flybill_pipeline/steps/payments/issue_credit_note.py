"""Issues credit notes at Stripe, each exactly once. What may be credited is decided and stored before: not here.

A note is one call, so its durable row has one step; in doubt, the invoice's credit notes at Stripe are looked through.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flybill_pipeline.billing.payments.credit_note_checks import (
    between_cents,
    issued_twice,
    less_there,
    mismatch,
    no_line,
    problem,
    refusal,
    without_tax,
)
from flybill_pipeline.billing.payments.credit_note_sync import (
    CreditPlan,
    CreditTask,
    CreditWork,
    StripeBill,
    StripeCreditNote,
    StripeLine,
)
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.sync.checks import may_be_under_way, no_end_in_sight
from flybill_pipeline.billing.sync.values import Answer, Failure, step_key
from flybill_pipeline.steps.sync.ports import Rows
from flybill_pipeline.steps.sync.row import LOOK, Clock, Doubt, DurableRow, Ending, LookFirst, Pause, RunContext
from flybill_pipeline.steps.sync.sent_keys import LATEST
from flybill_pipeline.steps.sync.tally import Tally

MOST_LOOKS = 3
TAKEN_WAIT = timedelta(seconds=0.5)
"""How long an org is left alone that another worker is busy with."""
CREDIT_NOTE_PATIENCE = timedelta(seconds=20)
"""How long a run goes on without a successful call before it leaves the rest waiting."""


class Ledger(Protocol):
    """The credit notes on record, and their durable rows."""

    @property
    def rows(self) -> Rows:
        """Rows by credit note id."""

    def claim(self, work: CreditWork) -> AbstractContextManager[CreditTask | None]:
        """The note with its row, its org held by this worker alone; None when another worker has the org."""


class Contents(Protocol):
    """Names for what a write would hold, see `steps/sync/ports.py`."""

    def credit_note(self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan) -> str: ...


class Stripe(Protocol):
    """The calls about credit notes. Each returns what Stripe answered, or why it did not."""

    @property
    def contents(self) -> Contents:
        """What its writes hold, by name."""

    def create_credit_note(
        self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan, key: str
    ) -> Answer[StripeCreditNote] | Failure: ...

    def preview_credit_note(
        self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan
    ) -> Answer[StripeCreditNote] | Failure: ...

    def find_credit_notes(self, stripe_invoice_id: str) -> Answer[list[StripeCreditNote]] | Failure: ...

    def find_bill(self, stripe_invoice_id: str) -> Answer[StripeBill] | Failure: ...

    def find_lines(self, stripe_invoice_id: str) -> Answer[list[StripeLine]] | Failure: ...


@dataclass(frozen=True, slots=True)
class CreditReport:
    """What became of the notes of a run, in numbers of notes; waiting ones may be tried again as they are.

    `failure` is the last one, None when there was none.
    """

    issued: int
    waiting: int
    blocked: int
    mismatch: int
    calls: int
    failure: Failure | None


def issue_credit_notes(
    works: Collection[CreditWork],
    *,
    ledger: Ledger,
    stripe: Stripe,
    patience: timedelta = CREDIT_NOTE_PATIENCE,
    clock: Clock = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> CreditReport:
    """Brings each note to Stripe and says how it went; safe to repeat at any time, by several at once, after any crash.

    It goes on for `patience` without a successful call. A failure that is everybody's ends it at once.
    """
    run = _Run(ledger, stripe, clock, sleep, patience)
    endings: list[Ending] = []
    for work in works:
        endings.append(run.bring(work))
        if endings[-1].end in ("stopped", "waiting"):
            break
    ends = Counter(ending.end for ending in endings)
    at_rest = ends["finalized"] + ends["already"] + ends["blocked"] + ends["mismatch"]
    return CreditReport(
        issued=ends["finalized"] + ends["already"],
        waiting=len(works) - at_rest,
        blocked=ends["blocked"],
        mismatch=ends["mismatch"],
        calls=run.tally["calls"],
        failure=next((ending.failure for ending in reversed(endings) if ending.failure), None),
    )


class _Run:
    """The notes of one run, one after the other: there are few."""

    def __init__(
        self, ledger: Ledger, stripe: Stripe, clock: Clock, sleep: Callable[[float], None], patience: timedelta
    ) -> None:
        self.tally = Tally()
        self.tally.on_success = self._succeeded
        self._ledger, self._stripe, self._clock, self._sleep = ledger, stripe, clock, sleep
        self._context = RunContext(clock, self.tally)
        self._patience = patience
        self._last_success = clock()

    def bring(self, work: CreditWork) -> Ending:
        """One note, tried until it is at_rest or patience ends."""
        waits = 0
        while True:
            with self._ledger.claim(work) as task:
                ending = Ending("taken") if task is None else self._bring(task, waits)
            if ending.end not in ("waiting", "taken"):
                return ending
            waits, now = ending.waits, self._clock()
            until = ending.until or now + TAKEN_WAIT
            self._last_success = min(self._last_success, now)  # the clock may have been set back since
            if until > self._last_success + self._patience:
                return ending
            self._sleep(max((until - now).total_seconds(), 0.0))

    def _succeeded(self) -> None:
        self._last_success = self._clock()

    def _bring(self, task: CreditTask, waits: int) -> Ending:
        if task.row.state != "new":
            return Ending("already")
        row = DurableRow(self._ledger.rows, task.note.credit_note_id, task.row, self._context, waits=waits)
        return _Issue(task, row, self._stripe).bring(self.tally)


class _Issue:
    """One note on its way. `_refused` is what Stripe refused in this go, and the plan that it was sent with."""

    def __init__(self, task: CreditTask, row: DurableRow, stripe: Stripe) -> None:
        self._note, self._row, self._stripe = task.note, row, stripe
        self._invoice, self._line_id = task.stripe_invoice_id, task.line_id
        self._plan = task.plan
        self._refused: tuple[CreditPlan, Failure] | None = None

    def bring(self, tally: Tally) -> Ending:
        """Takes the note as far as it gets, each step committed."""
        try:
            for _ in range(MOST_LOOKS):
                try:
                    return self._advance()
                except LookFirst as cause:
                    tally.add("recoveries")
                    if issued := self._look(cause.doubt):
                        return self._keep(issued)
            raise self._row.failed(no_end_in_sight())
        except Pause as pause:
            return pause.ending

    def _advance(self) -> Ending:
        if self._row.progress.step == LOOK:
            raise LookFirst(Doubt.PLACE)
        plan = self._plan or self._make_plan()
        content = self._stripe.contents.credit_note(self._note, self._invoice, plan)
        key = step_key(self._note.credit_note_id, "credit", content, self._row.progress.generation)
        return self._keep(self._row.send("credit", key, lambda key: self._send(plan, key)))

    def _send(self, plan: CreditPlan, key: str) -> Answer[StripeCreditNote] | Failure:
        """One call. A refusal may only mean that the invoice was paid since, so it leads to a new look and plan."""
        result = self._stripe.create_credit_note(self._note, self._invoice, plan, key)
        if isinstance(result, Failure) and result.kind == "org":
            self._refused = (plan, result)
            return replace(result, kind="look_first")
        return result

    def _make_plan(self) -> CreditPlan:
        """Decides how the note is issued, by what Stripe's invoice is now, and commits that."""
        bill = self._row.ask(self._stripe.find_bill(self._invoice))
        if wrong := problem(self._note, bill):
            raise self._row.ends_as("blocked", wrong)
        lines = self._row.ask(self._stripe.find_lines(self._invoice))
        ours = [line for line in lines if line.line_id == self._line_id]
        if len(ours) != 1:
            raise self._row.ends_as("blocked", no_line(self._note))
        plan = self._taxed_plan(ours[0]) if bill.taxed else self._plain_plan(ours[0], bill)
        if self._refused is not None and self._refused[0] == plan:
            raise self._row.ends_as("blocked", refusal(self._refused[1]))
        self._row.commit(step=None, **asdict(plan))
        self._plan = plan
        return plan

    def _plain_plan(self, line: StripeLine, bill: StripeBill) -> CreditPlan:
        amount = self._note.amount_minor
        return CreditPlan(line.stripe_line_id, max(amount - bill.remaining_minor, 0), amount)

    def _taxed_plan(self, line: StripeLine) -> CreditPlan:
        """What must be sent so that the note is ours before its tax: a line takes amounts without any tax. How much of
        it goes to the balance, with the tax, Stripe says beforehand.
        """
        amount = self._note.amount_minor
        if amount > line.amount_minor:
            raise self._row.ends_as("blocked", less_there(line))
        for sent in without_tax(amount, line):
            plan = CreditPlan(line.stripe_line_id, 0, sent)
            preview = self._row.ask(self._stripe.preview_credit_note(self._note, self._invoice, plan))
            if preview.before_tax_minor == amount:
                return replace(plan, balance_minor=preview.post_payment_minor)
        raise self._row.ends_as("blocked", between_cents())

    def _look(self, doubt: Doubt) -> StripeCreditNote | None:
        """The note if Stripe has it after all. No key that does not stand any more is sent again."""
        if not doubt.keys_stand:
            self._row.new_keys(LOOK)
        notes = self._row.ask(self._stripe.find_credit_notes(self._invoice))
        mine = [note for note in notes if note.credit_note_id == self._note.credit_note_id]
        ours = [note for note in mine if note.status != "void"]  # one that a person voided there gives nothing
        if len(ours) > 1:
            raise self._row.ends_as("mismatch", issued_twice(ours))
        if ours:
            return ours[0]
        if doubt is Doubt.AGE:
            self._row.may_send_again()
            return None
        if doubt is Doubt.CONTENT:
            if self._row.may_still_be_executed():
                raise self._row.failed(may_be_under_way(LATEST))
            self._row.new_keys(LOOK)
        self._plan = None
        self._row.commit(step=None, **dict.fromkeys(CreditPlan.__slots__))
        return None

    def _keep(self, issued: StripeCreditNote) -> Ending:
        """Records what Stripe has; a note that is not as it ought to be waits for a person."""
        facts: dict[str, object] = {
            "step": None,
            "stripe_credit_note_id": issued.stripe_credit_note_id,
            "stripe_number": issued.number,
            "balance_minor": issued.post_payment_minor,
            "total_minor": issued.amount_minor,
            "issued_at": datetime.fromtimestamp(issued.created, UTC),
            "livemode": issued.livemode,
        }
        if wrong := mismatch(self._note, issued):
            self._row.commit(**facts)
            raise self._row.ends_as("mismatch", wrong)
        self._row.commit(state="issued", **facts)
        return Ending("finalized")
