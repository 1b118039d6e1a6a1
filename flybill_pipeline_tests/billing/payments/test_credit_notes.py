"""What may be credited: never more than is left, the same request is the same note, and every refusal says why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import (
    CreditableInvoice,
    CreditNote,
    CreditRefusedError,
    CreditRequest,
    NoteState,
    credited_by_line,
    decide_note,
    effect,
    left_to_credit,
    stripe_line_of,
    totals,
    what_is_left,
)
from flybill_pipeline.billing.sync.lines import MOST_LINES, lines_for_stripe
from flybill_pipeline.billing.sync.values import SyncLine
from flybill_pipeline.billing.words.credits import credited_words
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.sentence import Money

MONTH = Month(2026, 10)
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def lines_of(amounts: Sequence[int], meters: int = 1) -> list[SyncLine]:
    return [
        SyncLine(f"line{n}", "usage", f"meter{n % meters}", MONTH, amount, f"Line {n}")
        for n, amount in enumerate(amounts)
    ]


def invoice(*amounts: int, currency: str = "usd", state: str | None = "finalized") -> CreditableInvoice:
    return CreditableInvoice("inv_1", "FB-1", currency, state, lines_of(amounts), [])


def ask(line: int = 1, amount: str = "5.00", reason: str = "sorry", nth: int = 1, by: str = "ada") -> CreditRequest:
    return CreditRequest("acme", MONTH, line, amount, reason, by, nth)


def with_note(bill: CreditableInvoice, note: CreditNote, state: NoteState = "issued") -> CreditableInvoice:
    return replace(bill, notes=[*bill.notes, replace(note, state=state)])


def refused(request: CreditRequest, bill: CreditableInvoice | None, *words: str) -> None:
    with pytest.raises(CreditRefusedError) as caught:
        decide_note(request, bill, NOW)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, str(caught.value)


def test_the_same_request_is_the_same_note_however_it_is_written() -> None:
    bill = invoice(1000)
    first = decide_note(ask(amount="5"), bill, NOW)
    again = decide_note(ask(amount="5.00", reason=" sorry ", by="bob"), with_note(bill, first), NOW)
    assert again == replace(first, state="issued")
    assert decide_note(ask(amount="5.0"), bill, NOW).credit_note_id == first.credit_note_id


def test_another_of_the_same_needs_to_be_asked_for_and_counts_up() -> None:
    bill = invoice(1000)
    first = decide_note(ask(), bill, NOW)
    bill = with_note(bill, first)
    refused(ask(nth=3), bill, "--nth 3", "use 2")
    refused(ask(nth=0), bill, "--nth 0")
    second = decide_note(ask(nth=2), bill, NOW)
    assert second.credit_note_id != first.credit_note_id
    assert (first.number, second.number) == ("FB-1-C1", "FB-1-C2")
    assert decide_note(ask(nth=2), with_note(bill, second, "new"), NOW).credit_note_id == second.credit_note_id


@pytest.mark.parametrize("other", [ask(line=2), ask(amount="5.01"), ask(reason="again")])
def test_what_differs_is_another_note(other: CreditRequest) -> None:
    bill = invoice(1000, 1000)
    assert decide_note(other, bill, NOW).credit_note_id != decide_note(ask(), bill, NOW).credit_note_id


@pytest.mark.parametrize(
    ("request_", "bill", "words"),
    [
        (ask(), None, ("2026-10 of acme", "no finalized invoice", "flybill status 2026-10")),
        (ask(), invoice(1000, state=None), ("not in Stripe yet", "close 2026-10")),
        (ask(), invoice(1000, state="blocked"), ("not in Stripe yet",)),
        (ask(line=2), invoice(1000), ("lines 1 to 1", "no line 2")),
        (ask(line=0), invoice(1000), ("no line 0",)),
        (ask(line=2), invoice(1000, -300), ("line 2", "-$3.00", "only a line that asks for money")),
        (ask(line=2), invoice(1000, 0), ("line 2", "$0.00")),
        (ask(amount="10.01"), invoice(1000, 5000), ("$10.00 left", "$10.01", "flybill owes acme")),
        (ask(amount="8.00"), invoice(1000, -300), ("$7.00 left",)),
        (ask(amount="0"), invoice(1000), ("--amount is 0",)),
        (ask(amount="-1"), invoice(1000), ("'-1'", "12.50")),
        (ask(amount="1e2"), invoice(1000), ("'1e2'",)),
        (ask(amount="NaN"), invoice(1000), ("'NaN'",)),
        (ask(amount="1,000"), invoice(1000), ("'1,000'",)),
        (ask(amount="1.005"), invoice(1000), ("'1.005'", "USD", "0.01")),
        (ask(amount="5.5"), invoice(1000, currency="jpy"), ("'5.5'", "JPY", "step is 1")),
        (ask(amount="1.234"), invoice(9990, currency="kwd"), ("'1.234'", "KWD", "0.01")),
        (ask(amount="5.50"), invoice(90000, currency="isk"), ("'5.50'", "ISK", "step is 1")),
        (ask(reason="  "), invoice(1000), ("reason", "--reason")),
        (ask(reason="x" * 501), invoice(1000), ("500",)),
        (ask(by=" "), invoice(1000), ("--by",)),
    ],
)
def test_what_cannot_be_credited_is_refused_with_a_sentence(
    request_: CreditRequest, bill: CreditableInvoice | None, words: tuple[str, ...]
) -> None:
    refused(request_, bill, *words)


@pytest.mark.parametrize(
    ("currency", "amount", "minor"), [("jpy", "500", 500), ("kwd", "1.23", 1230), ("isk", "5", 500)]
)
def test_amounts_are_exact_in_every_kind_of_currency(currency: str, amount: str, minor: int) -> None:
    assert decide_note(ask(amount=amount), invoice(9000, currency=currency), NOW).amount_minor == minor


def test_one_that_stripe_refused_takes_nothing_away_and_is_judged_again() -> None:
    bill = with_note(invoice(500), decide_note(ask(), invoice(500), NOW), "blocked")
    other = decide_note(ask(reason="other"), bill, NOW)
    assert other.number == "FB-1-C2"
    assert decide_note(ask(), bill, NOW).state == "blocked"
    refused(ask(), with_note(bill, other), "$0.00 left")


REQUESTS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 900), st.sampled_from(("new", "issued", "blocked", "mismatch"))),
    max_size=12,
)
AMOUNTS = st.lists(st.integers(-500, 900), min_size=1, max_size=8)


@given(AMOUNTS, st.booleans(), REQUESTS)
def test_no_line_at_either_side_nor_the_invoice_is_ever_credited_beyond_what_it_asks(
    some: list[int], rolled_up: bool, requests: list[tuple[int, int, NoteState]]
) -> None:
    """Rolled up, a line at Stripe holds many of ours, negative ones among them."""
    amounts = [*some, *[0] * MOST_LINES] if rolled_up else some
    bill = replace(invoice(), lines=lines_of(amounts, meters=3))
    there = {line.line_id: line.amount_minor for line in lines_for_stripe(bill.lines)}
    for number, minor, state in requests:
        request = ask(line=number % len(some) + 1, amount=f"{minor // 100}.{minor % 100:02d}", reason=str(number))
        try:
            note = decide_note(request, bill, NOW)
        except CreditRefusedError:
            continue
        if note not in bill.notes:
            bill = with_note(bill, note, state)
    for number, credited in credited_by_line(bill.notes).items():
        assert 0 < credited <= amounts[number - 1]
        there[stripe_line_of(bill.lines, number)] -= credited
        assert there[stripe_line_of(bill.lines, number)] >= 0
    assert sum(credited_by_line(bill.notes).values()) <= max(sum(amounts), 0)


@given(AMOUNTS)
def test_all_that_is_left_can_be_credited_and_not_a_unit_more(amounts: list[int]) -> None:
    bill = invoice(*amounts)
    left = left_to_credit(bill.lines, 1, {})
    if left > 0:
        note = decide_note(ask(amount=f"{left // 100}.{left % 100:02d}"), bill, NOW)
        refused(ask(amount="0.01", reason="one more"), with_note(bill, note), "left to credit")


def credited(total_minor: int, notes: Sequence[CreditNote]) -> str:
    return english(*credited_words(total_minor, notes))


def test_what_customers_and_operators_read() -> None:
    bill = invoice(1000)
    note = replace(decide_note(ask(), bill, NOW), state="issued", balance_minor=0)
    assert credited(1000, []) == ""
    assert credited(1000, [note]) == "$5.00 of it was credited since: it comes to $5.00 now."
    told = "$5.00 was credited since the invoice was made; it is taken off already."
    assert english(*credited_words(1000, [note], Money(500, "usd"))) == told
    kept = "$5.00 was credited since the invoice was made. $5.00 of the credit is on your account and"
    assert english(*credited_words(1000, [replace(note, balance_minor=500)], Money(500, "usd"))).startswith(kept)
    by_hand = "$3.00 was credited since the invoice was made."  # in our payment provider's dashboard
    assert english(*credited_words(1000, [], Money(300, "usd"))) == by_hand
    assert english(*credited_words(1000, [], Money(0, "usd"))) == ""
    assert "on its way" in credited(1000, [replace(note, state="new")])
    assert "reduces your next invoice" in credited(1000, [replace(note, balance_minor=200)])
    assert what_is_left(1000, [note, replace(note, state="blocked")]) == 500
    assert totals([note, replace(note, state="new"), replace(note, state="blocked")]) == {
        "usd": {"issued_minor": 500, "pending_minor": 500}
    }
    assert effect(note) == "The invoice asks for $5.00 less."
    assert "$2.00 went to the customer's balance" in effect(replace(note, balance_minor=200))
    assert "The invoice was paid" in effect(replace(note, balance_minor=500))


@pytest.mark.parametrize(
    ("balance_minor", "told"),
    [
        (0, "The invoice asks for $6.00 less, with tax."),
        (
            200,
            "The invoice asks for $4.00 less, with tax; $2.00 went to the customer's balance in Stripe, for its next",
        ),
        (600, "The invoice was paid: $6.00 went to the customer's balance in Stripe, for its next invoice, with tax."),
    ],
)
def test_operators_read_what_a_note_does_with_the_tax_on_top(balance_minor: int, told: str) -> None:
    note = replace(decide_note(ask(), invoice(1000), NOW), state="issued", total_minor=600)
    assert effect(replace(note, balance_minor=balance_minor)).startswith(told)


def test_customers_read_that_what_is_on_their_account_has_the_tax_on_top() -> None:
    note = replace(decide_note(ask(), invoice(1000), NOW), state="issued", total_minor=600, balance_minor=600)
    assert credited(1000, [note]).endswith(
        "$6.00 of the credit, with its tax, is on your account and reduces your next invoice."
    )


def test_what_shares_a_line_at_stripe_has_that_line_to_share() -> None:
    bill = replace(invoice(), lines=lines_of([900, 500, -600, *[0] * 300], meters=2))  # lines 1 and 3 are meter0
    refused(ask(amount="3.01"), bill, "$3.00 left")
    assert decide_note(ask(amount="3.00"), bill, NOW).amount_minor == 300
