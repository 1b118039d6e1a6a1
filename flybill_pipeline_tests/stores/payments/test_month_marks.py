"""The mark of a month changes with whatever its page shows, and with nothing else."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.stores.payments.month_marks import MonthMarks
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld

SEEN = """
insert into flybill.payment_observations
    (observation_id, via, kind, object_id, status, currency, amount_minor, seen_at, invoice_id, paid_minor,
     pre_payment_minor, attempts)
select 'evt_1', 'events', 'invoice', 'in_1', 'paid', 'usd', 500, now(), invoice_id, 500, 0, 1 from flybill.invoices
"""
NOTED = """
with note as (
    insert into flybill.credit_notes
        (credit_note_id, number, invoice_id, line_no, amount_minor, currency, reason, by, nth, requested_at)
    select 'note', 'CN-1', invoice_id, 1, 5, 'usd', 'late', 'ann', 1, now() from flybill.invoices
    returning credit_note_id
)
insert into flybill.stripe_credit_notes (credit_note_id) select credit_note_id from note
"""
STOPPED = """
insert into flybill.stripe_breaker (cause, code, message, remedy, key_mark, opened_at, next_probe_at)
values ('outage', 'no_answer', 'Stripe does not answer.', 'Nothing.', '', now(), now())
"""
CHANGES: dict[str, str | Callable[[BillingWorld], object]] = {
    "an organization is imported": lambda world: world.orgs("late"),
    "another outcome": "update flybill.stripe_sync set state = 'blocked', error_code = 'customer_missing'",
    "the sync goes on": "update flybill.stripe_sync set state = 'finalized'",
    "no calls are made any more": STOPPED,
    "a payment is seen": SEEN,
    "a credit note is written down": NOTED,
    "it is compared with Stripe's own list": "insert into flybill.stripe_verdicts (month, state, compared_at, content) "
    "values ('2025-10', 'matches', now(), '{}')",
    "somebody is priced again": lambda world: world.draft({"bolt": 900}),
}


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    made.draft({"acme": 500})
    made.finalize()
    return made


def test_a_month_of_which_nothing_is_known_has_none(world: BillingWorld) -> None:
    assert MonthMarks(world.engine).of(MONTH.next()) is None


@pytest.mark.parametrize("change", list(CHANGES))
def test_it_is_another_one_when_something_changed(world: BillingWorld, change: str) -> None:
    marks = MonthMarks(world.engine)
    before, happens = marks.of(MONTH), CHANGES[change]
    assert marks.of(MONTH) == before
    if isinstance(happens, str):
        with world.engine.begin() as connection:
            connection.execute(text(happens))
    else:
        happens(world)
    assert marks.of(MONTH) not in (None, before)


def test_it_is_not_about_other_months(world: BillingWorld) -> None:
    before = MonthMarks(world.engine).of(MONTH)
    world.draft({"acme": 7}, MONTH.next())
    world.finalize(MONTH.next())
    assert MonthMarks(world.engine).of(MONTH) == before


def test_that_no_calls_are_made_changes_no_month_whose_invoices_are_at_stripe(world: BillingWorld) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("update flybill.stripe_sync set state = 'finalized'"))
    before = MonthMarks(world.engine).of(MONTH)
    with world.engine.begin() as connection:
        connection.execute(text(STOPPED))
    assert MonthMarks(world.engine).of(MONTH) == before
