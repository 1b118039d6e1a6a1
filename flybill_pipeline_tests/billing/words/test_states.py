"""No state without words, no words without a state: each table has what its source can come to, and nothing else.

Codes are read from the source that makes them: whoever adds one without words meets these tests.
"""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import get_args

import pytest

from flybill_pipeline.billing.invoicing import outcomes
from flybill_pipeline.billing.invoicing.outcomes import Bounds, OutcomePolicy, decide
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import NoteState
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.payments.standing import Payment, PaymentState
from flybill_pipeline.billing.sync.breaker import Cause
from flybill_pipeline.billing.words.credits import NOTE_STATES
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.lines import KINDS
from flybill_pipeline.billing.words.outlook import NO_USAGE
from flybill_pipeline.billing.words.payments import payment_words
from flybill_pipeline.billing.words.sentence import Sentence
from flybill_pipeline.billing.words.settled import HOLDS, OUTCOMES
from flybill_pipeline.billing.words.statement import statement
from flybill_pipeline.billing.words.sync import DELAYS, FAILURES
from flybill_pipeline.stripe_gateway.failure_table import TABLE
from flybill_pipeline_tests.worlds.codes import HOLD_MAKERS, PACKAGE, codes

FAILURE_MAKERS = {"Failure", "_failure"}
NOT_OF_AN_INVOICE = {"too_much_there", "between_cents", "not_there", "nothing_open"}
"""Codes of credit notes: their customer reads the states of notes."""
MONTH = Month(2026, 10)
DURING, AFTER = datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
INTERNAL = ("flybill", "stripe", "inv_", "org_", "sync", "None", "{", "}", "  ", "error", "fail", "charge")


def test_every_reason_to_hold_a_month_has_words() -> None:
    made = codes(HOLD_MAKERS, "billing", "steps")
    assert {"unpriced_meter", "currency_clash"} <= made  # the scan finds both forms
    assert made == set(HOLDS)


def test_every_kind_of_line_without_a_meter_says_why_no_usage_is_behind_it() -> None:
    assert set(NO_USAGE) == set(KINDS)


def test_every_failure_of_the_sync_has_words() -> None:
    made = codes(FAILURE_MAKERS, "billing/sync", "steps/sync", "stripe_gateway") | {rule.name for rule in TABLE}
    assert {"mismatch", "customer_of_another", "livemode_mismatch"} <= made
    assert made | {"other_account"} == set(FAILURES)
    assert "other_account" in (PACKAGE / "stores/sync/accounts.py").read_text()


def test_every_outcome_that_is_decided_has_words() -> None:
    policies = (OutcomePolicy(), OutcomePolicy(waive_small_amounts=True))
    totals = (0, 10, 1000, -10)
    made = [decide(total, "usd", [], Bounds(50, policy)) for total, policy in product(totals, policies)]
    assert {(each.outcome, each.code) for each in made} == set(OUTCOMES)
    constants = {value for name, value in vars(outcomes).items() if name.isupper() and isinstance(value, str)}
    assert {outcome for outcome, _ in OUTCOMES} | {outcomes.HELD} == constants


def test_every_state_of_notes_and_every_delay_has_words() -> None:
    assert set(NOTE_STATES) == set(get_args(NoteState))
    assert set(DELAYS) == set(get_args(Cause))


def paid(state: PaymentState, page: str | None, again: datetime | None) -> Payment:
    return Payment(state, "usd", 1000, 400, 600, 0, 100, 300, 200, AFTER, 1, again, AFTER, page, None)


def facts() -> Iterator[tuple[MonthFacts, datetime]]:
    """A month in every state that it can be in, as its statement is asked for."""
    known = MonthFacts(MONTH, "usd", 1234, DURING)
    yield MonthFacts(MONTH, None, 0, None), AFTER
    for now in (datetime(2026, 9, 20, tzinfo=UTC), DURING, AFTER):
        yield known, now
    for outcome, code in [*OUTCOMES, *((outcomes.HELD, code) for code in (*HOLDS, "of_an_older_version"))]:
        if outcome != outcomes.INVOICED:
            yield MonthFacts(MONTH, "usd", -1234, DURING, outcome, code), AFTER
    invoiced = {"outcome": outcomes.INVOICED, "invoice_number": "FB-1"}
    for state, code, delay in product(
        ("new", "lined", "blocked", "mismatch"), (None, *FAILURES, "older"), (None, *DELAYS)
    ):
        sync = {"sync_state": state, "sync_code": code, "delay": delay}
        yield MonthFacts(MONTH, "usd", 1234, DURING, **invoiced, **sync), AFTER  # type: ignore[arg-type]
    for each, page, again in product(get_args(PaymentState), (None, "https://pay.example/1"), (None, AFTER)):
        yield MonthFacts(MONTH, "usd", 1234, DURING, **invoiced, payment=paid(each, page, again)), AFTER  # type: ignore[arg-type]


def test_a_running_month_below_zero_is_no_debt() -> None:
    told = statement(MonthFacts(MONTH, "usd", -124, DURING), DURING, 3)
    assert english(*told.message) == "October 2026 is still running: you have a credit of $1.24 so far."


def test_no_day_that_is_over_is_promised() -> None:
    ended, closing_day = MonthFacts(MONTH, "usd", 1234, DURING), 3
    on_time, late = (statement(ended, datetime(2026, 11, day, 12, tzinfo=UTC), closing_day) for day in (3, 4))
    assert english(on_time.next_step) == "Your invoice is made on November 3, 2026, or as soon as we close the month."
    assert english(late.next_step) == "Your invoice is made as soon as we close the month."


def test_whatever_a_month_comes_to_is_said_in_whole_plain_sentences() -> None:
    for known, now in facts():
        told = statement(known, now, 3)
        what, after = english(*told.message), english(told.next_step)
        for text in (what, after):
            assert text[0].isupper() or text[0] in "$-", text
            assert text.endswith(".") or "https://" in text.rsplit(" ", 1)[-1], text
            assert not any(word in text.lower().replace("https://pay.example", "") for word in INTERNAL), text
            assert len(text) <= 200
        assert known.currency is None or "October 2026" in what


@pytest.mark.parametrize("state", get_args(PaymentState))
def test_a_payment_says_its_invoice_and_leads_to_its_page(state: PaymentState) -> None:
    told = payment_words(paid(state, "https://pay.example/1", None), "FB-1", MONTH)
    assert "FB-1" in english(told.what)
    to_pay = state in ("open", "partly_paid", "past_due", "failed", "uncollectible")
    assert ("https://pay.example/1" in english(told.next)) is to_pay


def test_all_that_is_said_can_be_found_by_who_translates() -> None:
    """Each text is written out in a call of `said` or `counted`: one that is put together has no translation."""
    for file in (PACKAGE / "billing" / "words").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("said", "counted", Sentence.__name__):
                texts = node.args[: 2 if ast.unparse(node.func) == "counted" else 1]
                assert file.name == "sentence.py" or all(isinstance(text, ast.Constant) for text in texts), file


def test_no_amount_is_called_final_that_tax_may_come_on_top_of() -> None:
    said = [english(each) for each in (*FAILURES.values(), *DELAYS.values())]
    final = [text for text in said if "final" in text]
    assert final and all("amount before tax is final" in text for text in final)
