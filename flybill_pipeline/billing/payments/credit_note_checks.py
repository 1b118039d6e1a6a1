"""What keeps a credit note from being issued or from being right, in words; what is sent for it. No calls, no rows."""

from collections.abc import Sequence
from dataclasses import replace

from flybill_pipeline.billing.payments.credit_note_sync import StripeBill, StripeCreditNote, StripeLine
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.sync.values import Failure

CREDITABLE = ("open", "paid")


def problem(note: CreditNote, bill: StripeBill) -> Failure | None:
    """Why Stripe's invoice cannot be credited by this note, or None."""
    if bill.status not in CREDITABLE:
        return _failure(
            "not_creditable", f"Stripe's invoice is {bill.status}: only an open or paid one can be credited"
        )
    left = bill.total_minor - bill.credited_minor
    if note.amount_minor > left:
        message = f"Stripe has {left} minor units left to credit on its invoice: somebody credited it there"
        return _failure("too_much_there", message)
    return None


def without_tax(amount: int, line: StripeLine) -> list[int]:
    """What comes to `amount` once the tax is in it that is a part of the line: what is nearest, then its neighbours."""
    if not line.included_minor:
        return [amount]
    nearest = (amount * (line.amount_minor - line.included_minor) * 2 + line.amount_minor) // (2 * line.amount_minor)
    return [each for each in (nearest, nearest + 1, nearest - 1) if each > 0]


def mismatch(note: CreditNote, copy: StripeCreditNote) -> Failure | None:
    """What Stripe's note has differently, or None."""
    pairs = (
        ("amount before tax", note.amount_minor, copy.before_tax_minor),
        ("currency", note.currency, copy.currency),
        ("status", "issued", copy.status),
        ("credit note id", note.credit_note_id, copy.credit_note_id),
    )
    differing = [f"{name} is {there} instead of {here}" for name, here, there in pairs if here != there]
    if not differing:
        return None
    message = f"Stripe's credit note {copy.stripe_credit_note_id} differs: {'; '.join(differing)}"
    return _failure("mismatch", message, "Compare both in Stripe's dashboard.")


def issued_twice(notes: Sequence[StripeCreditNote]) -> Failure:
    """The alarm: the same note stands at Stripe more than once."""
    names = ", ".join(sorted(note.stripe_credit_note_id for note in notes))
    message = f"Stripe has this credit note more than once: {names}"
    return _failure("issued_twice", message, "Void all but one of them in Stripe's dashboard today.")


def no_line(note: CreditNote) -> Failure:
    """Stripe's invoice has no line of ours to credit."""
    return _failure("line_missing", f"Stripe's invoice has no line of ours that holds line {note.line_no}")


def less_there(line: StripeLine) -> Failure:
    """The line came to less at Stripe than the note is over."""
    message = f"Stripe's line comes to {line.amount_minor} minor units only: credits and discounts were taken off it"
    return _failure("too_much_there", message, "Credit no more than that on this line, and the rest on others.")


def between_cents() -> Failure:
    """Tax is rounded, so that not every amount can be come to."""
    message = "No amount without tax comes to this amount with its tax, in whole minor units"
    return _failure("between_cents", message, "Credit one minor unit more or less, or the whole line.")


def refusal(failure: Failure) -> Failure:
    """Stripe refused the note, and its invoice has not changed since."""
    return replace(failure, kind="org", remedy=_LOOK_THERE)


_LOOK_THERE = "Look at the invoice in Stripe's dashboard; once mended, give the same `flybill credit` again."


def _failure(code: str, message: str, remedy: str = _LOOK_THERE) -> Failure:
    return Failure(kind="org", code=code, message=message, remedy=remedy)
