"""What is said of credit notes beside their invoice, of their states, and of a used up credit. Nothing is credited."""

from collections.abc import Iterator, Mapping, Sequence

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote, NoteState, what_is_left
from flybill_pipeline.billing.words.sentence import Money, Sentence, Words, said

NOTE_STATES: Mapping[NoteState, Sentence] = {
    "new": said("on its way"),
    "issued": said("issued"),
    "blocked": said("not given"),
    "mismatch": said("being checked"),
}

_SINCE = said("{credited} was credited since the invoice was made.")


def used_up_words(name: str, month: Month) -> Sentence:
    """That nothing is left of a prepaid credit."""
    return said("With {month} the credit {name} is used up; what comes after it is billed.", month=month, name=name)


def credited_words(total_minor: int, notes: Sequence[CreditNote], told: Money | None = None) -> Words:
    """What is read of an invoice's credit notes beside what it asked for.

    `told` is what our payment provider says was credited, also by notes that are not in `notes`.
    """
    counting = [note for note in notes if note.counts]
    if counting:
        return tuple(_credited(total_minor, counting, told.minor if told else 0))
    return (_SINCE.of(credited=told),) if told and told.minor else ()


def _credited(total_minor: int, notes: Sequence[CreditNote], told_minor: int) -> Iterator[Sentence]:
    currency, credited_minor = notes[0].currency, sum(note.amount_minor for note in notes)
    credited = Money(credited_minor, currency)
    balance = sum(note.balance_minor or 0 for note in notes if note.state == "issued")
    if told_minor < credited_minor:
        left = Money(what_is_left(total_minor, notes), currency)
        yield said("{credited} of it was credited since: it comes to {left} now.", credited=credited, left=left)
    elif balance < credited_minor:
        yield said("{credited} was credited since the invoice was made; it is taken off already.", credited=credited)
    else:
        yield _SINCE.of(credited=credited)
    if any(note.state != "issued" for note in notes):
        yield said("A part of that is still on its way to our payment provider.")
    if balance:
        yield _kept(Money(balance, currency), notes)


def _kept(kept: Money, notes: Sequence[CreditNote]) -> Sentence:
    """What is on the customer's account: of the credit, or where tax comes on top, of the credit with its tax."""
    if any(note.total_minor not in (None, note.amount_minor) for note in notes if note.state == "issued"):
        return said("{kept} of the credit, with its tax, is on your account and reduces your next invoice.", kept=kept)
    return said("{kept} of the credit is on your account and reduces your next invoice.", kept=kept)
