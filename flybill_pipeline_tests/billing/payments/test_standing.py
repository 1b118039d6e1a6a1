"""The state of a payment follows from what was seen, in whatever order; each state has its sentences."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.standing import (
    _FURTHEST,
    Observation,
    ObservationKind,
    Payment,
    PaymentState,
    payment_of,
)
from flybill_pipeline.billing.payments.words import freshness_explained, operator_sentence
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.payments import parts_words, payment_words, payments_freshness

DAY = timedelta(days=1)
START = datetime(2026, 11, 3, 12, tzinfo=UTC)
LATER = START + 60 * DAY
URL = "https://invoice.stripe.com/i/x"


def invoice(status: str = "open", day: int = 0, **values: object) -> Observation:
    ended = {"settled_at": START + day * DAY} if status in ("paid", "void", "uncollectible") else {}
    seen = Observation(f"evt_{status}_{day}", "invoice", "in_1", status, "usd", 1000, START + day * DAY, "in_1")
    return replace(seen, hosted_invoice_url=URL, **{**ended, **values})  # type: ignore[arg-type]


def about(
    kind: ObservationKind, status: str, amount: int, day: int = 1, name: str = "1", **values: object
) -> Observation:
    at = START + day * DAY
    seen = Observation(f"evt_{kind}{name}{status}{day}", kind, f"{kind}_{name}", status, "usd", amount, at)
    return replace(seen, **values)  # type: ignore[arg-type]


PAID = invoice("paid", 1, paid_minor=1000)
FAILED = invoice(day=1, attempts=1, next_attempt_at=START + 4 * DAY)
CASES: dict[PaymentState, list[Observation]] = {
    "open": [],
    "partly_paid": [about("payment", "paid", 400)],
    "past_due": [invoice(day=1, due_at=START + 30 * DAY)],
    "failed": [FAILED],
    "paid": [FAILED, PAID],
    "credited": [about("credit_note", "issued", 1000, pre_payment_minor=1000), invoice("paid", 2)],
    "refunded": [PAID, about("refund", "succeeded", 1000, 2)],
    "disputed": [PAID, about("dispute", "needs_response", 1000, 5)],
    "dispute_lost": [PAID, about("dispute", "needs_response", 1000, 5), about("dispute", "lost", 1000, 9)],
    "voided": [FAILED, invoice("void", 2)],
    "uncollectible": [FAILED, invoice("uncollectible", 2)],
}


def state(seen: list[Observation]) -> Payment:
    return payment_of([invoice(), *seen], LATER)


def read(payment: Payment) -> tuple[str, str]:
    what, after = payment_words(payment, "FB-1", Month(2026, 10))
    return english(what), english(after)


def test_every_state_is_reached_and_has_its_sentences() -> None:
    assert set(CASES) == set(get_args(PaymentState))
    for name, seen in CASES.items():
        payment = state(seen)
        assert payment.state == name
        words = [operator_sentence(payment), *read(payment)]
        assert all(word and "None" not in word for word in words), words
        assert "FB-1" in words[1]


ANYTHING = sorted({seen for case in CASES.values() for seen in case} | {invoice()}, key=lambda s: s.observation_id)


@given(st.data())
def test_order_and_repetition_do_not_matter(data: st.DataObject) -> None:
    known = [invoice(), *data.draw(st.lists(st.sampled_from(ANYTHING), unique=True))]
    shuffled = data.draw(st.permutations([*known, *data.draw(st.lists(st.sampled_from(known)))]))
    assert payment_of(shuffled, LATER) == payment_of(known, LATER)


@given(st.permutations([*CASES["dispute_lost"], about("dispute", "won", 1000, 12)]))
def test_a_dispute_that_was_won_after_all_is_paid(seen: list[Observation]) -> None:
    payment = state(seen)
    assert (payment.state, payment.lost_minor, payment.paid_minor) == ("paid", 0, 1000)


LOST, APPEAL = about("dispute", "lost", 1000, 9), about("dispute", "appeal_under_review", 1000, 20)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([APPEAL], "disputed"),  # all that is known, such as from a list after a long sleep
        ([LOST, APPEAL], "disputed"),
        ([LOST, APPEAL, about("dispute", "lost", 1000, 30)], "dispute_lost"),
        ([LOST, APPEAL, about("dispute", "won", 1000, 30)], "paid"),
        ([about("dispute", "of_a_later_version", 1000, 20)], "disputed"),
        ([LOST, about("dispute", "of_a_later_version", 1000, 20)], "disputed"),
        ([about("refund", "of_a_later_version", 1000, 20)], "refunded"),
    ],
)
def test_a_dispute_is_over_only_where_stripe_says_so(seen: list[Observation], expected: str) -> None:
    for arrived in ([PAID, *seen], [*reversed(seen), PAID]):
        assert state(arrived).state == expected


def test_each_status_of_the_version_that_is_spoken_has_its_place() -> None:
    """A status that is not ranked is taken for an early one; for how long, nobody would notice."""
    spoken = {"invoice": stripe.Invoice, "credit_note": stripe.CreditNote, "dispute": stripe.Dispute}
    for kind, members in spoken.items():
        known = {status for statuses in _FURTHEST[kind] for status in statuses}
        assert set(literals(members.__annotations__["status"])) == known, kind


def literals(hint: Any) -> Iterator[str]:
    """The texts that a type allows by name."""
    for each in get_args(hint):
        yield from [each] if isinstance(each, str) else literals(each)


def test_of_several_failures_the_last_attempt_counts_although_it_was_seen_in_the_same_second() -> None:
    first, second = FAILED, replace(FAILED, observation_id="evt_a", attempts=2, next_attempt_at=START + 9 * DAY)
    for seen in ([first, second], [second, first]):
        payment = state(seen)
        assert (payment.attempts, payment.next_attempt_at) == (2, START + 9 * DAY)


def test_money_that_is_open_is_what_was_asked_less_credit_and_payments() -> None:
    note = about("credit_note", "issued", 300, pre_payment_minor=300)
    part = about("payment", "paid", 200)
    assert state([note, part]).open_minor == 500
    assert state([replace(note, status="void"), part]).open_minor == 800
    assert state([note, part, PAID]).open_minor == 0
    assert state([part, about("payment", "paid", 800, name="2")]).state == "paid"  # before the invoice says so


@pytest.mark.parametrize(
    ("due", "now", "expected"),
    [
        ("2026-11-03T12:00:00+00:00", "2026-11-03T12:00:01+00:00", "open"),  # due on receipt
        ("2026-11-03T12:00:00+00:00", "2026-11-03T23:59:59.999999+00:00", "open"),
        ("2026-11-03T12:00:00+00:00", "2026-11-04T00:00:00+00:00", "past_due"),
        ("2026-11-03T00:00:00+00:00", "2026-11-04T00:00:00+00:00", "past_due"),
        ("2026-11-04T00:30:00+01:00", "2026-11-04T00:00:00+00:00", "past_due"),  # November 3 in UTC
    ],
)
def test_it_may_be_paid_until_the_day_on_which_it_is_due_has_ended(due: str, now: str, expected: str) -> None:
    seen = [invoice(day=1, due_at=datetime.fromisoformat(due))]
    assert payment_of(seen, datetime.fromisoformat(now)).state == expected


def test_a_part_that_was_given_back_leaves_it_paid() -> None:
    payment = state([PAID, about("refund", "succeeded", 250, 3)])
    assert payment.state == "paid"
    assert read(payment)[0] == "$10.00 for October 2026 is paid, and $2.50 of it was given back to you (invoice FB-1)."


def test_what_a_customer_reads() -> None:
    assert read(state(CASES["paid"]))[1] == "Paid on November 4, 2026."
    assert read(state(CASES["failed"])) == (
        "The payment of $10.00 for October 2026 did not go through on November 4, 2026 (invoice FB-1).",
        f"It is tried again on November 7, 2026. You can pay, or change your card, here: {URL}",
    )
    given_up = read(state([replace(FAILED, next_attempt_at=None)]))
    assert given_up[1] == f"You can pay, or change your card, here: {URL}"


def test_of_an_invoice_that_asked_for_nothing_a_small_rest_may_be_due_with_the_next() -> None:
    payment = state([invoice("paid", 1, amount_minor=0)])
    assert read(payment) == (
        "Nothing is to be paid for October 2026 (invoice FB-1): your balance was taken off.",
        "If an amount is left that is too small to collect by itself, it is added to your next invoice.",
    )


def test_what_happens_next_to_an_open_invoice_is_said_as_far_as_it_is_known() -> None:
    collected = replace(invoice(day=1), next_attempt_at=START + DAY)
    due = replace(invoice(day=1), due_at=LATER)
    by_itself = f"It is collected from November 4, 2026 on; you can also pay or view it here: {URL}"
    assert read(state([collected]))[1] == by_itself
    assert read(state([collected, about("payment", "paid", 400)]))[1] == by_itself
    assert read(state([due]))[1] == f"It is due on January 2, 2027. Pay or view it here: {URL}"
    assert read(state([replace(due, due_at=START)]))[1] == f"Pay or view it here: {URL}"  # it says when it was due
    given_up = invoice("uncollectible", 2, next_attempt_at=START + DAY, due_at=LATER)
    assert read(state([given_up]))[1] == f"Pay or view it here: {URL}"
    alone = "It is collected from November 4, 2026 on. You need not do anything."
    assert read(state([replace(collected, hosted_invoice_url=None)]))[1] == alone
    mailed = "It is due on January 2, 2027. Pay or view it on the page that our e-mail with the invoice links to."
    assert read(state([replace(due, hosted_invoice_url=None)]))[1] == mailed


@pytest.mark.parametrize(
    ("before_tax", "total", "asked", "expected"),
    [
        (1000, 1000, 1000, ""),
        (1000, None, 1000, ""),
        (840, 1000, 1000, "$1.60 of what was asked for is tax."),
        (1300, 1300, 1000, "$3.00 of your balance was taken off first."),
        (750, 750, 1000, "$2.50 of what was asked for was open from before."),
        (1000, 1190, 1000, "$1.90 of what was asked for is tax. $1.90 of your balance was taken off first."),
        (1000, 1000, 0, ""),  # the sentence says all that is known
    ],
)
def test_why_another_amount_is_asked_for_than_the_lines_come_to(
    before_tax: int, total: int | None, asked: int, expected: str
) -> None:
    payment = payment_of([invoice("paid" if asked == 0 else "open", amount_minor=asked)], LATER)
    assert english(*parts_words(payment, before_tax, total)) == expected


def test_what_was_credited_is_not_said_to_be_paid() -> None:
    """Stripe lowers what the invoice asks for by notes before its payment: the customer paid the rest."""
    note = about("credit_note", "issued", 400, pre_payment_minor=400)
    rest = invoice("paid", 2, paid_minor=600)
    assert read(state([note, rest]))[0] == "$6.00 for October 2026 is paid (invoice FB-1)."
    back = about("refund", "succeeded", 200, 3)
    assert read(state([note, rest, back]))[0].startswith("$6.00 for October 2026 is paid, and $2.00 of it was given")
    nothing = invoice("paid", 1, amount_minor=0)
    kept = about("credit_note", "issued", 300)  # to the balance, as nothing was asked for
    assert read(state([nothing, kept]))[0].startswith("Nothing is to be paid for October 2026")


def test_nothing_can_be_said_without_the_invoice() -> None:
    with pytest.raises(ValueError, match="invoice itself"):
        payment_of([about("payment", "paid", 1)], LATER)


def test_how_fresh_it_is_is_said() -> None:
    assert english(*payments_freshness(Poll())) == "No payment was read yet."
    assert "from the invoices themselves" in freshness_explained(Poll(START, START, fell_back_at=START))
    assert "from the invoices themselves" not in freshness_explained(Poll(LATER, LATER, fell_back_at=START))
    poll = Poll(START, START, START + timedelta(minutes=3), "Stripe failed", "Wait.")
    told = "Payments as of 2026-11-03 12:00:00 UTC. Since 2026-11-03 12:03:00 UTC they cannot be read."
    known = "Payments as of November 3, 2026, 12:00 UTC. Since November 3, 2026, 12:03 UTC they cannot be read."
    assert english(*payments_freshness(poll)) == known  # a customer reads no internals
    assert freshness_explained(poll) == f"{told} What happened: Stripe failed. What to do: Wait."
