"""The rules of credit notes: what may still be credited, what identifies a note. Sends and stores nothing.

A credit note gives back money of a finalized invoice; it never changes what was billed. It is derived from org, month,
line, amount, reason and the count of its kind (`nth`), so the same request is the same note, however often it is made.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from flybill_pipeline.billing.money.amounts import format_money, minor_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.lines import groups_for_stripe, line_id_at_stripe
from flybill_pipeline.billing.sync.values import SyncLine

LONGEST_REASON = 500
NoteState: TypeAlias = Literal["new", "issued", "blocked", "mismatch"]
"""new: written down, not yet known to be at Stripe; issued: there; blocked: Stripe refused it, so nothing was credited;
mismatch: what Stripe has of it is wrong."""


class CreditRefusedError(Exception):
    """This credit note cannot be made; the sentence says why and what can be done."""


@dataclass(frozen=True, slots=True)
class CreditRequest:
    """What a person asks for. `line` counts from 1, `amount` is text in major units, `nth` tells equal notes apart."""

    org_id: str
    month: Month
    line: int
    amount: str
    reason: str
    by: str
    nth: int = 1


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note on record. `line_no` counts from 1.

    At Stripe it comes to `total_minor`, with the tax that is put on top. Of that `balance_minor` is for the customer's
    balance there: what exceeded what the invoice still asked for. The `stripe_*` members, `total_minor` and `issued_at`
    are None until it is issued.
    """

    credit_note_id: str
    number: str
    invoice_id: str
    org_id: str
    month: str
    line_no: int
    amount_minor: int
    currency: str
    reason: str
    by: str
    nth: int
    requested_at: datetime
    state: NoteState = "new"
    balance_minor: int | None = None
    total_minor: int | None = None
    stripe_credit_note_id: str | None = None
    stripe_number: str | None = None
    issued_at: datetime | None = None
    error_message: str | None = None
    error_remedy: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its amount is given, or may be: all but those that Stripe refused."""
        return self.state != "blocked"


@dataclass(frozen=True, slots=True)
class CreditableInvoice:
    """A finalized invoice as the decision needs it, with all its lines and credit notes, in order."""

    invoice_id: str
    number: str
    currency: str
    sync_state: str | None
    lines: Sequence[SyncLine]
    notes: Sequence[CreditNote]


def decide_note(request: CreditRequest, invoice: CreditableInvoice | None, now: datetime) -> CreditNote:
    """The note that the request asks for: the one on record when there is one, else a new one.

    One that Stripe refused is judged again as if it were new. Raises CreditRefusedError.
    """
    reason, by = request.reason.strip(), request.by.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise CreditRefusedError(f"a credit note needs a reason of 1 to {LONGEST_REASON} characters: --reason TEXT")
    if not by:
        raise CreditRefusedError("a credit note needs the name of who makes it: --by NAME")
    invoice = _in_stripe(request, invoice)
    amount_minor = _amount(request, invoice)
    wanted = (request.line, amount_minor, reason)
    same = {each.nth: each for each in invoice.notes if (each.line_no, each.amount_minor, each.reason) == wanted}
    known = same.get(request.nth)
    if known is not None and known.state != "blocked":
        return known
    if not 1 <= request.nth <= len(same) + 1:
        raise CreditRefusedError(f"--nth {request.nth} comes after {len(same)} such credit notes: use {len(same) + 1}")
    left = left_to_credit(invoice.lines, request.line, credited_by_line(invoice.notes))
    if amount_minor > left:
        raise CreditRefusedError(
            f"line {request.line} of {invoice.number} has {format_money(max(left, 0), invoice.currency)} left to "
            f"credit, which is less than {format_money(amount_minor, invoice.currency)}: "
            f"`flybill owes {request.org_id} --month {request.month}` shows what was credited before"
        )
    return known or CreditNote(
        credit_note_id=credit_note_id(invoice.invoice_id, request.line, amount_minor, reason, request.nth),
        number=f"{invoice.number}-C{len(invoice.notes) + 1}",
        invoice_id=invoice.invoice_id,
        org_id=request.org_id,
        month=str(request.month),
        line_no=request.line,
        amount_minor=amount_minor,
        currency=invoice.currency,
        reason=reason,
        by=by,
        nth=request.nth,
        requested_at=now,
    )


def credit_note_id(invoice_id: str, line_no: int, amount_minor: int, reason: str, nth: int) -> str:
    """The id of a note: derived (the invoice's id is org and month), so that it exists before anything is written."""
    content = "\n".join((invoice_id, str(line_no), str(amount_minor), reason, str(nth)))
    return f"cn_{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def credited_by_line(notes: Iterable[CreditNote]) -> Mapping[int, int]:
    """Line number → minor units that notes give back, or may give back, of it."""
    credited: Counter[int] = Counter()
    for note in notes:
        if note.counts:
            credited[note.line_no] += note.amount_minor
    return credited


def left_to_credit(lines: Sequence[SyncLine], number: int, credited: Mapping[int, int]) -> int:
    """Minor units that line `number` has left: never more than its line at Stripe, or the whole invoice, has left.

    The line at Stripe holds several of ours when the invoice was rolled up, and negative ones among them.
    """
    numbers = {id(line): place for place, line in enumerate(lines, start=1)}
    group = _group_of(lines, lines[number - 1])

    def left(of: Iterable[SyncLine]) -> int:
        return sum(line.amount_minor - credited.get(numbers[id(line)], 0) for line in of)

    return min(left([lines[number - 1]]), left(group), left(lines))


def stripe_line_of(lines: Sequence[SyncLine], number: int) -> str:
    """Our id (metadata) of the Stripe line that holds line `number` of the invoice."""
    return line_id_at_stripe(_group_of(lines, lines[number - 1]))


def totals(notes: Iterable[CreditNote]) -> dict[str, dict[str, int]]:
    """Per currency the minor units that are credited at Stripe, and those that are not known to be there yet."""
    by_currency: dict[str, dict[str, int]] = {}
    for note in notes:
        of_currency = by_currency.setdefault(note.currency, {"issued_minor": 0, "pending_minor": 0})
        if note.counts:
            of_currency["issued_minor" if note.state == "issued" else "pending_minor"] += note.amount_minor
    return dict(sorted(by_currency.items()))


def what_is_left(total_minor: int, notes: Sequence[CreditNote]) -> int:
    """What an invoice comes to after its credit notes, in minor units."""
    return total_minor - sum(note.amount_minor for note in notes if note.counts)


def effect(note: CreditNote) -> str:
    """What an issued note did, for the operator."""
    total, balance = note.amount_minor if note.total_minor is None else note.total_minor, note.balance_minor or 0
    reduced = format_money(total - balance, note.currency)
    kept = f"{format_money(balance, note.currency)} went to the customer's balance in Stripe, for its next invoice"
    with_tax = "" if total == note.amount_minor else ", with tax"
    if balance == total:
        return f"The invoice was paid: {kept}{with_tax}."
    less = f"The invoice asks for {reduced} less{with_tax}"
    return f"{less}; {kept}." if balance else f"{less}."


def _in_stripe(request: CreditRequest, invoice: CreditableInvoice | None) -> CreditableInvoice:
    where = f"`flybill status {request.month}` says where it stands"
    if invoice is None:
        raise CreditRefusedError(
            f"{request.month} of {request.org_id} has no finalized invoice: there is nothing to credit; {where}"
        )
    if invoice.sync_state != "finalized":
        raise CreditRefusedError(
            f"{invoice.number} is finalized here but not in Stripe yet: close {request.month} first; {where}"
        )
    return invoice


def _amount(request: CreditRequest, invoice: CreditableInvoice) -> int:
    """The amount in minor units, of a line that can be credited at all."""
    try:
        amount_minor = minor_of(request.amount, invoice.currency)
    except ValueError as wrong:
        raise CreditRefusedError(f"--amount {wrong}") from None
    if amount_minor == 0:
        raise CreditRefusedError("--amount is 0: there is nothing to credit")
    if not 1 <= request.line <= len(invoice.lines):
        raise CreditRefusedError(f"{invoice.number} has lines 1 to {len(invoice.lines)}, no line {request.line}")
    line = invoice.lines[request.line - 1]
    if line.amount_minor <= 0:
        raise CreditRefusedError(
            f"line {request.line} of {invoice.number} is {format_money(line.amount_minor, invoice.currency)} "
            f"({line.kind.replace('_', ' ')}): only a line that asks for money can be credited"
        )
    return amount_minor


def _group_of(lines: Sequence[SyncLine], line: SyncLine) -> list[SyncLine]:
    return next(group for group in groups_for_stripe(lines) if any(member is line for member in group))
