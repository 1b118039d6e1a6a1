"""What a credit paid and is taken back goes back to the credit, and is no money: it may have ended since."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.outcomes import OutcomePolicy
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.alerts.used_credits import UsedCredits
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.steps.pricing.test_discounted_months import total
from flybill_pipeline_tests.steps.pricing.test_items import ItemWorld

JUL, AUG, SEP, OCT, NOV = (Month(2026, number) for number in (7, 8, 9, 10, 11))
LASTING = {"item_id": "promo", "kind": "credit", "amount": "30", "currency": "usd", "start": "2026-08-01"}
PROMO = {**LASTING, "end": "2026-09-01"}
PLAN = {"item_id": "team", "kind": "subscription", "amount": "19", "currency": "usd", "timing": "advance"}

GIVEN = {"item_id": "sorry", "kind": "one_off", "currency": "usd", "month": "2026-09"}


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (book(per_unit("0.01")),))
    made.folder = tmp_path
    made.org("acme")
    return made


def used(world: ItemWorld, month: Month, cents: int) -> None:
    world.usage.add(month, "acme", cents)


def lived(world: ItemWorld, changes: Mapping[Month, Mapping[Month, int]]) -> list[int]:
    """Each month with its changes of usage, by service month, is closed; returns what the months came to."""
    for month, usage in changes.items():
        for service, cents in usage.items():
            used(world, service, cents)
        world.close(month)
    return [total(world, month) for month in changes]


def uses(world: ItemWorld) -> list[tuple[str, str, str, int]]:
    query = "select credit_id, month, paid_in, amount_minor from flybill.credit_uses order by 2, 3, 1"
    with world.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_what_a_credit_that_has_ended_paid_does_not_come_back_as_money(world: ItemWorld) -> None:
    world.load(PROMO)
    used(world, AUG, 3000)
    assert world.close(AUG).outcomes == {"nothing_to_bill": 1}
    world.close(SEP)
    used(world, AUG, -3000)
    used(world, OCT, 1000)
    world.close(OCT)
    assert world.amounts(OCT) == [
        ("usage", "2026-10", 1000),
        ("adjustment", "2026-08", -3000),
        ("credit_returned", "2026-08", 3000),
    ]
    assert uses(world) == [("promo", "2026-08", "2026-08", 3000), ("promo", "2026-10", "2026-08", -3000)]
    assert world.close(NOV).outcomes == {"nothing_to_bill": 1}
    assert world.amounts(NOV) == []


def test_a_credit_that_lasts_can_pay_again_with_what_came_back(world: ItemWorld) -> None:
    world.load(LASTING)
    used(world, AUG, 3000)
    world.close(AUG)
    used(world, AUG, -2000)
    used(world, SEP, 700)
    world.close(SEP)
    assert world.amounts(SEP)[1:] == [
        ("adjustment", "2026-08", -2000),
        ("credit_returned", "2026-08", 2000),
        ("credit", "2026-09", -700),
    ]
    used(world, OCT, 2000)
    world.close(OCT)
    assert world.amounts(OCT) == [("usage", "2026-10", 2000), ("credit", "2026-10", -1300)]


def test_money_goes_back_first(world: ItemWorld) -> None:
    world.load(PROMO)
    used(world, AUG, 5000)
    world.close(AUG)
    used(world, AUG, -1500)
    world.close(SEP)
    used(world, AUG, -1500)
    world.close(OCT)
    assert [total(world, month) for month in (AUG, SEP, OCT)] == [2000, -1500, -500]
    assert uses(world)[1:] == [("promo", "2026-10", "2026-08", -1000)]


def test_what_was_late_and_paid_in_money_goes_back_before_what_the_credit_paid(world: ItemWorld) -> None:
    world.load(PROMO)
    used(world, AUG, 3000)
    world.close(AUG)
    used(world, AUG, 2000)
    world.close(SEP)
    used(world, AUG, -2000)
    world.close(OCT)
    assert [total(world, month) for month in (AUG, SEP, OCT)] == [0, 2000, -2000]


def test_what_is_due_again_is_paid_by_the_credit_again(world: ItemWorld) -> None:
    world.load(PROMO)
    used(world, AUG, 3000)
    world.close(AUG)
    used(world, AUG, -3000)
    world.close(SEP)
    used(world, AUG, 4000)
    world.close(OCT)
    assert world.amounts(OCT) == [("adjustment", "2026-08", 4000), ("credit_returned", "2026-08", -3000)]
    used(world, AUG, -4000)
    world.close(NOV)
    assert [total(world, month) for month in (AUG, SEP, OCT, NOV)] == [0, 0, 1000, -1000]


def test_what_came_back_and_was_used_elsewhere_does_not_pay_twice(world: ItemWorld) -> None:
    world.load(LASTING)
    used(world, AUG, 3000)
    world.close(AUG)
    used(world, AUG, -3000)
    used(world, SEP, 3000)
    world.close(SEP)
    used(world, AUG, 3000)
    world.close(OCT)
    used(world, AUG, -3000)
    world.close(NOV)
    assert [total(world, month) for month in (AUG, SEP, OCT, NOV)] == [0, 0, 3000, -3000]


def test_the_credit_whose_turn_was_last_is_given_back_to_first(world: ItemWorld) -> None:
    world.load({**PROMO, "amount": "10"}, {**LASTING, "item_id": "bought"})
    used(world, AUG, 2500)
    world.close(AUG)
    used(world, AUG, -2000)
    world.close(SEP)
    assert uses(world)[2:] == [
        ("bought", "2026-09", "2026-08", -1500),
        ("promo", "2026-09", "2026-08", -500),
    ]
    assert total(world, SEP) == 0


def test_a_plan_that_a_credit_paid_in_advance_gives_back_to_the_credit(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-09-01"}
    world.load(PROMO, plan)
    used(world, AUG, 500)
    world.close(AUG)
    world.load({**plan, "end": "2026-09-01"})
    used(world, SEP, 5000)
    world.close(SEP)
    assert [total(world, month) for month in (AUG, SEP)] == [0, 5000]
    assert uses(world)[1:] == [("promo", "2026-09", "2026-08", -1900)]


def test_a_plan_that_changes_after_a_credit_paid_it_costs_the_difference(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-09-01"}
    world.load(PROMO, plan)
    world.close(AUG)
    world.load({**plan, "start": "2026-09-16", "seats": "2"})
    world.close(SEP)
    assert sum(amount for _, month, amount in world.amounts(SEP) if month == "2026-09") == 950
    assert uses(world)[1:] == []


def test_a_discount_of_a_month_that_a_credit_paid_follows_what_it_is_off(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-09-01"}
    half = {"item_id": "half", "kind": "discount", "percent": "50", "start": "2026-08", "end": "2026-09"}
    world.load(PROMO, plan, half)
    used(world, AUG, 3000)
    world.close(AUG)
    world.load({**plan, "end": "2026-09-01"})
    world.close(SEP)
    assert [total(world, month) for month in (AUG, SEP)] == [0, 0]
    assert uses(world) == [("promo", "2026-08", "2026-08", 2450), ("promo", "2026-09", "2026-08", -950)]


def test_what_was_too_small_and_carried_is_paid_where_it_was_billed(world: ItemWorld) -> None:
    world.load({**LASTING, "start": "2026-09-01", "end": "2026-10-01"})
    used(world, AUG, 40)
    world.close(AUG)
    used(world, SEP, 1000)
    world.close(SEP)
    used(world, SEP, -1000)
    used(world, AUG, -40)
    world.close(OCT)
    assert [total(world, month) for month in (AUG, SEP, OCT)] == [40, -40, 0]


def test_what_was_given_back_as_money_before_stays_given(world: ItemWorld) -> None:
    """As a home of before has it: the correction was settled without anything that went back to the credit."""
    world.load(PROMO)
    used(world, AUG, 3000)
    world.close(AUG)
    used(world, AUG, -2000)
    world.price(SEP)
    with world.engine.begin() as connection:
        connection.execute(text("delete from flybill.line_items where kind = 'credit_returned'"))
        connection.execute(
            text("update flybill.drafts set credits_returned = '[]', total_minor = -2000, line_count = 1")
        )
    world.finalize(SEP)
    assert uses(world)[1:] == []
    used(world, AUG, -1000)
    world.close(OCT)
    assert world.amounts(OCT) == [
        ("adjustment", "2026-08", -1000),
        ("credit_returned", "2026-08", 1000),
        ("carried_forward", "2026-09", -2000),
    ]
    used(world, AUG, 3000)
    world.close(NOV)
    assert world.amounts(NOV)[1] == ("credit_returned", "2026-08", -1000)


@pytest.mark.parametrize(("left", "back"), [(0, 3000), (2000, 1040)])
def test_what_was_waived_beside_a_credit_is_not_paid_by_it(world: ItemWorld, left: int, back: int) -> None:
    world.policy = OutcomePolicy(waive_small_amounts=True)
    world.load(PROMO)
    used(world, AUG, 3040)
    assert world.close(AUG).outcomes == {"waived": 1}
    used(world, AUG, left - 3040)
    assert world.close(SEP).outcomes == {"nothing_to_bill": 1}
    assert uses(world)[1:] == [("promo", "2026-09", "2026-08", -back)]


def test_what_was_waived_of_one_month_is_not_taken_for_that_of_another_which_a_credit_paid(world: ItemWorld) -> None:
    """Of 25 cents that were waived in all, one was taken for August's, by what was billed: 20 cents became money."""
    world.policy = OutcomePolicy(waive_small_amounts=True)
    world.load({**LASTING, "amount": "12.34", "start": "2026-09-01"})
    used(world, AUG, 21)
    used(world, SEP, 1238)
    assert [world.close(month).outcomes for month in (AUG, SEP)] == [{"waived": 1}] * 2
    used(world, AUG, -21)
    world.close(OCT)
    used(world, SEP, -1238)
    world.close(NOV)
    assert [total(world, month) for month in (AUG, SEP, OCT, NOV)] == [21, 4, 0, 0]
    assert sum(amount for *_, amount in uses(world)) == 0


def test_what_a_running_month_takes_back_is_left_of_a_credit_before_it_is_settled(world: ItemWorld) -> None:
    world.load(LASTING)
    used(world, AUG, 3000)
    world.close(AUG)
    used(world, AUG, -1000)
    used(world, SEP, 400)
    world.price(SEP, now=SEP.start + timedelta(days=9))
    assert world.amounts(SEP)[-2:] == [("credit_returned", "2026-08", 1000), ("credit", "2026-09", -400)]
    assert UsedCredits(world.engine).of(SEP, 0) == {"acme": {"promo": -600}}
    assert uses(world)[1:] == []


def test_a_credit_that_paid_where_its_own_payment_had_gone_back_gets_that_back_and_money_what_money_did(
    world: ItemWorld,
) -> None:
    """August's payment went back and was used for September, so money paid August; later the credit pays of it again.

    That was taken for one that had gone back as money, behind the first payment: $10.00 of the credit became money.
    """
    dec, jan = Month(2026, 12), Month(2027, 1)
    world.lookback_months = 6
    world.load(LASTING)
    changes = {
        AUG: {AUG: 3000},
        SEP: {AUG: -3000, SEP: 3000},
        OCT: {AUG: 3000},
        NOV: {AUG: -1000, NOV: 1000},
        dec: {AUG: 1000, SEP: -3000},
        jan: {AUG: -3000, NOV: -1000},
    }
    assert lived(world, changes) == [0, 0, 3000, 0, 0, -3000]
    assert sum(amount for *_, amount in uses(world)) == 0


def test_a_payment_is_known_to_be_for_what_others_did_not_pay(world: ItemWorld) -> None:
    """October's payment was taken for August's whole dollar, of which 20 cents were paid: 20 cents became money."""
    dec = Month(2026, 12)
    world.lookback_months = 6
    world.load(LASTING)
    changes = {
        AUG: {AUG: 40},
        SEP: {AUG: -20},
        OCT: {AUG: 100, SEP: 53},
        NOV: {AUG: 32},
        dec: {AUG: -152, SEP: -53},
    }
    assert lived(world, changes) == [0, 0, 0, 0, 0]
    assert sum(amount for *_, amount in uses(world)) == 0


def test_money_goes_back_first_where_a_credit_paid_later_than_money(world: ItemWorld) -> None:
    """$5.00 of what money had paid went to the credit: its first payment was taken to hold, though it had gone back."""
    dec = Month(2026, 12)
    world.lookback_months = 6
    world.load(LASTING)
    changes = {
        AUG: {AUG: 3000},
        SEP: {AUG: -3000, SEP: 2000},
        OCT: {AUG: 3000},
        NOV: {SEP: -2000, AUG: 500},
        dec: {AUG: -500},
    }
    assert lived(world, changes) == [0, 0, 2000, 0, -500]


def test_an_amount_off_that_another_line_gets_now_leaves_no_money_that_nobody_paid(world: ItemWorld) -> None:
    """August: $20 of usage and $19 of September's plan, $19.50 off, all paid by a credit. Then the plan is cancelled.

    The $19.50 are taken off the usage alone: $0.50 are left to pay, and $19 go back to the credit.
    """
    off = {"item_id": "off", "kind": "discount", "amount": "19.50", "currency": "usd", "start": "2026-08"}
    for row in (PROMO, {**off, "end": "2026-09"}, {**PLAN, "start": "2026-09-01"}):
        world.load(row)
    assert lived(world, {AUG: {AUG: 2000}}) == [0]
    world.load({**PLAN, "start": "2026-09-01", "end": "2026-09-01"})
    assert lived(world, {SEP: {}}) == [0]
    assert world.amounts(SEP) == [
        ("adjustment", "2026-09", -1900),
        ("discount", "2026-08", 0),
        ("credit_returned", "2026-08", 1900),
    ]
    assert lived(world, {OCT: {AUG: -2000}}) == [0]
    assert uses(world)[1:] == [("promo", "2026-09", "2026-08", -1900), ("promo", "2026-10", "2026-08", -50)]


def test_where_months_are_below_zero_and_a_plan_is_given_back_no_more_leaves_as_money_than_came_in(
    world: ItemWorld,
) -> None:
    """A dollar was paid in all. The credit's $2.00 had gone to what was below zero before: they came out as money."""
    plan = {**PLAN, "amount": "4", "start": "2026-08-01"}
    world.load(plan)
    assert lived(world, {JUL: {JUL: -300}, AUG: {AUG: -600}, SEP: {SEP: -400}}) == [100, -200, 0]
    world.load({**plan, "end": "2026-10-01"}, {**LASTING, "amount": "2", "start": "2026-10-01"})
    changes: dict[Month, dict[Month, int]] = {OCT: {JUL: 400, AUG: 400}, NOV: {NOV: 50, AUG: -300}}
    assert lived(world, changes) == [200, -100]
    assert uses(world)[1:] == [("promo", "2026-11", "2026-10", -150)]


BACK_AND_AGAIN = [
    ({SEP: {SEP: -3000}, OCT: {OCT: 3000}}, [0, 0]),  # a retraction on a day of its own
    ({SEP: {SEP: -4500}, OCT: {OCT: 2000}}, [-1500, 1500]),  # and the 1,500 that are open: nothing is left to pay
    ({SEP: {SEP: -3000}, NOV: {AUG: 500, NOV: 900}}, [0, 0]),
]


@pytest.mark.parametrize(("changes", "totals"), BACK_AND_AGAIN)
def test_what_a_month_below_zero_gives_back_goes_to_the_credit_that_pays_again_when_more_is_due(
    world: ItemWorld, changes: dict[Month, dict[Month, int]], totals: list[int]
) -> None:
    world.load(PROMO)
    assert lived(world, {AUG: {AUG: 3000}}) == [0]
    assert lived(world, changes) == totals


def test_what_a_one_off_item_gives_is_money_though_a_credit_paid_all_else(world: ItemWorld) -> None:
    world.load(PROMO, {**GIVEN, "amount": "-10"})
    assert lived(world, {AUG: {AUG: 3000}, SEP: {}, OCT: {OCT: -500}}) == [0, -1000, 0]
    assert uses(world)[1:] == [("promo", "2026-10", "2026-08", -500)]


def test_a_retraction_reaches_a_credit_that_paid_before_the_look_back(world: ItemWorld) -> None:
    world.lookback_months = 1
    world.load(PROMO)
    assert lived(world, {AUG: {AUG: 3000}, SEP: {}, OCT: {}, NOV: {NOV: -1000}}) == [0, 0, 0, 0]
