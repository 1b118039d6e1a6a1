"""What was waived is never asked for, and never given back: whatever is corrected, cancelled or late afterwards."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.outcomes import OutcomePolicy
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.steps.pricing.test_discounted_months import total
from flybill_pipeline_tests.steps.pricing.test_items import ItemWorld

JUL, AUG, SEP, OCT, NOV = (Month(2026, number) for number in (7, 8, 9, 10, 11))
PLAN = {"item_id": "a", "kind": "subscription", "amount": "0.40", "currency": "usd", "timing": "advance"}
HALF = {"item_id": "half", "kind": "discount", "percent": "50", "start": "2026-08", "end": "2026-09"}


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (book(per_unit("0.01")),), policy=OutcomePolicy(waive_small_amounts=True))
    made.folder = tmp_path
    made.org("acme")
    return made


def test_a_correction_of_a_waived_month_gives_nothing_back(world: ItemWorld) -> None:
    world.usage.add(AUG, "acme", 40)
    assert world.close(AUG).outcomes == {"waived": 1}
    world.usage.add(AUG, "acme", -40)
    assert world.close(SEP).outcomes == {"nothing_to_bill": 1}
    assert world.amounts(SEP) == [("adjustment", "2026-08", -40), ("adjustment", "2026-08", 40)]
    assert world.close(OCT).outcomes == {"nothing_to_bill": 1}
    assert world.amounts(OCT) == []


def test_what_was_paid_of_a_waived_month_later_is_given_back(world: ItemWorld) -> None:
    world.usage.add(AUG, "acme", 40)
    world.close(AUG)
    world.usage.add(AUG, "acme", 500)
    world.close(SEP)
    world.usage.add(AUG, "acme", -540)
    world.close(OCT)
    assert [total(world, month) for month in (SEP, OCT)] == [500, -500]


def test_what_comes_again_is_waived_still(world: ItemWorld) -> None:
    world.usage.add(AUG, "acme", 40)
    world.close(AUG)
    world.usage.add(AUG, "acme", -30)
    world.close(SEP)
    world.usage.add(AUG, "acme", 30)
    world.close(OCT)
    world.usage.add(AUG, "acme", 5)
    world.close(NOV)
    assert [total(world, month) for month in (SEP, OCT, NOV)] == [0, 0, 5]


def test_what_was_carried_before_it_was_waived_is_not_given_back(world: ItemWorld) -> None:
    world.policy = OutcomePolicy()
    world.usage.add(AUG, "acme", 30)
    assert world.close(AUG).outcomes == {"carried_forward": 1}
    world.policy = OutcomePolicy(waive_small_amounts=True)
    world.usage.add(SEP, "acme", 10)
    assert world.close(SEP).outcomes == {"waived": 1}
    world.usage.add(AUG, "acme", -30)
    world.usage.add(SEP, "acme", -10)
    world.close(OCT)
    assert total(world, OCT) == 0


def test_a_plan_that_was_waived_in_advance_gives_nothing_back_when_it_is_cancelled(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-09-01"}
    world.load(plan)
    assert world.close(AUG).outcomes == {"waived": 1}
    world.load({**plan, "end": "2026-09-01"})
    world.close(SEP)
    assert total(world, SEP) == 0
    world.close(OCT)
    assert total(world, OCT) == 0


def test_a_plan_that_was_waived_in_advance_is_not_billed_with_the_usage_of_its_month(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-09-01", "end": "2026-10-01"}
    world.load(plan)
    world.close(AUG)
    world.usage.add(SEP, "acme", 500)
    world.close(SEP)
    assert total(world, SEP) == 500


def test_a_discount_of_a_waived_month_gives_nothing_back_and_takes_nothing(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-09-01"}
    world.load(plan, HALF)
    world.usage.add(AUG, "acme", 10)
    assert world.close(AUG).outcomes == {"waived": 1}
    world.load({**plan, "end": "2026-09-01"})
    world.usage.add(AUG, "acme", -10)
    world.close(SEP)
    assert total(world, SEP) == 0


def test_what_was_waived_of_a_month_that_was_given_back_before_is_not_asked_for(world: ItemWorld) -> None:
    world.close(AUG)
    world.load({"item_id": "sorry", "kind": "one_off", "amount": "-0.58", "currency": "usd", "month": "2026-08"})
    world.usage.add(SEP, "acme", 200)
    world.close(SEP)
    world.usage.add(AUG, "acme", 45)
    assert world.close(OCT).outcomes == {"waived": 1}
    world.usage.add(AUG, "acme", 0)  # which is a change, and nothing to bill
    world.close(NOV)
    assert [total(world, month) for month in (SEP, OCT, NOV)] == [142, 45, 0]


def test_what_an_earlier_month_comes_to_that_was_settled_later_was_not_waived(world: ItemWorld) -> None:
    """August waits for a price, and comes to less than nothing: its late usage of July was not in what was waived."""
    world.close(JUL)
    world.usage.add(AUG, "acme", 1, meter="disk")
    assert world.close(AUG).held == [("acme", "unpriced_meter")]
    world.usage.add(SEP, "acme", 40)
    assert world.close(SEP).outcomes == {"waived": 1}
    world.usage.add(JUL, "acme", 50)
    world.usage.add(AUG, "acme", -80)
    world.books = (book(per_unit("0.01"), per_unit("0.01", "disk")),)
    assert world.close(AUG).outcomes == {"carried_forward": 1}
    world.usage.add(SEP, "acme", -40)
    world.close(OCT)
    assert [total(world, month) for month in (AUG, SEP)] == [-29, 40]
    assert world.amounts(OCT) == [
        ("adjustment", "2026-09", -40),
        ("adjustment", "2026-09", 40),
        ("carried_forward", "2026-09", -29),
    ]
