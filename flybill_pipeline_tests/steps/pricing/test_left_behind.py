"""A month that was closed without an organization: what it has there waits until the month is closed again."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.steps.pricing.test_items import ItemWorld

MAY, JUN, JUL, AUG = (Month(2026, number) for number in (5, 6, 7, 8))
PLAN = {"item_id": "a", "kind": "subscription", "amount": "10", "currency": "usd", "org_id": "bolt"}
ONE_OFF = {"item_id": "x", "kind": "one_off", "amount": "10", "currency": "usd", "org_id": "bolt", "month": "2026-06"}


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (book(per_unit("0.01")),))
    made.folder = tmp_path
    made.org("acme")
    made.close(JUN)
    return made


def messages(world: ItemWorld, month: Month) -> dict[str, tuple[str, str]]:
    return {each.org_id: (each.code, each.message) for each in world.statements.failures(month)}


def test_usage_of_a_month_that_was_closed_without_its_org_waits_and_is_billed_in_that_month(world: ItemWorld) -> None:
    world.org("bolt")
    world.usage.add(JUN, "bolt", 1000)
    world.usage.add(JUL, "bolt", 500)
    report = world.close(JUL)
    assert report.held == [("bolt", "earlier_month_open")]
    assert "2026-06 was closed without bolt" in messages(world, JUL)["bolt"][1]
    world.close(JUN)
    world.close(JUL)
    assert world.amounts(JUN, "bolt") == [("usage", "2026-06", 1000)]
    assert world.amounts(JUL, "bolt") == [("usage", "2026-07", 500)]
    assert messages(world, JUL) == {}


@pytest.mark.parametrize("item", [ONE_OFF, {**PLAN, "start": "2026-06-01", "end": "2026-07-01"}])
def test_an_item_of_a_month_that_was_closed_without_its_org_waits(world: ItemWorld, item: dict[str, str]) -> None:
    world.org("bolt")
    world.load(item)
    assert world.close(JUL).held == [("bolt", "earlier_month_open")]
    world.close(JUN)
    assert [line[2] for line in world.lines(JUN, "bolt")] == [1000]
    assert world.close(JUL).held == []


def closed_until(world: ItemWorld, number: int) -> None:
    for each in range(1, number + 1):
        world.close(Month(2026, each))


TOO_OLD = {
    "give 2026-04 or a later month": {**ONE_OFF, "org_id": "acme", "month": "2026-01"},
    "start it on 2026-04-01, and add a one_off of 2026-04": {**PLAN, "org_id": "acme", "start": "2026-01-15"},
    "bills 2026-01 any more, .* start it on 2026-04-01": {**PLAN, "org_id": "acme", "start": "2024-01-01"},
}


@pytest.mark.parametrize("remedy", TOO_OLD)
def test_an_item_of_months_that_no_invoice_bills_any_more_is_refused(world: ItemWorld, remedy: str) -> None:
    closed_until(world, 5)
    with pytest.raises(ImportRefusedError, match=f"row 3: .*{remedy}"):
        world.load({**ONE_OFF, "item_id": "good", "org_id": "acme"}, TOO_OLD[remedy])
    assert world.items.of(0) == {}


OFF = {"item_id": "off", "kind": "discount", "org_id": "acme", "percent": "10"}
GIFT = {"item_id": "gift", "kind": "credit", "org_id": "acme", "amount": "10", "currency": "usd"}
MET_BY_NO_INVOICE = {
    "2026-04 was billed without discount 'off': start it in 2026-07, and add a one_off below": {
        **OFF,
        "start": "2026-04",
    },
    "2026-04 was billed without discount 'off': add a one_off below zero instead": {
        **OFF,
        "start": "2026-04",
        "end": "2026-07",
    },
    "all that credit 'gift' could pay was billed without it: add a one_off below zero instead": {
        **GIFT,
        "start": "2026-04-10",
        "end": "2026-05-20",
    },
    "each month of discount 'off' was billed without it: add a one_off below zero instead": {**OFF, "end": "2026-06"},
    "'gift' could pay": {**GIFT, "start": "2025-04-10", "end": "2025-05-20"},
}


@pytest.mark.parametrize("fault", MET_BY_NO_INVOICE)
def test_what_is_promised_for_months_that_are_billed_already_is_refused(world: ItemWorld, fault: str) -> None:
    world.load({**OFF, "item_id": "before"})
    closed_until(world, 5)
    with pytest.raises(ImportRefusedError, match=f"row 3: .*{fault}"):
        world.load({**ONE_OFF, "item_id": "good", "org_id": "acme"}, MET_BY_NO_INVOICE[fault])
    assert world.load({**OFF, "item_id": "before", "end": "2026-05"}) == (0, 1)


@pytest.mark.parametrize(
    "item",
    [
        {**OFF, "start": "2026-07"},
        OFF,
        {**OFF, "end": "2026-08"},
        {**GIFT, "start": "2026-04-10"},
        {**GIFT, "start": "2026-04-10", "end": "2026-07-01T00:00:01Z"},
    ],
)
def test_what_an_invoice_to_come_meets_may_have_begun_before(world: ItemWorld, item: dict[str, str]) -> None:
    closed_until(world, 6)
    assert world.load(item) == (1, 0)
    world.usage.add(JUL, "acme", 1000)
    world.close(JUL)
    assert [line[0] for line in world.lines(JUL, "acme")] == ["usage", item["kind"]]


@pytest.mark.parametrize(
    "item",
    [{**GIFT, "start": "2026-06-10", "end": "2026-06-20"}, {**OFF, "end": "2026-07"}, {**OFF, "start": "2026-06"}],
)
def test_a_held_month_is_met_also_where_a_later_one_was_billed(world: ItemWorld, item: dict[str, str]) -> None:
    world.org("bolt")
    world.usage.add(JUN, "bolt", 1000, meter="nobody's")
    world.usage.add(JUL, "bolt", 1000)
    assert world.close(JUN).held == [("bolt", "unpriced_meter")]
    assert world.close(JUL).held == []
    item = {**item, "org_id": "bolt"} | ({"end": "2026-07"} if item["kind"] == "discount" else {})
    assert world.load(item) == (1, 0)
    world.books = (book(per_unit("0.01"), per_unit("0.01", "nobody's")),)
    world.close(JUN)
    assert [line[0] for line in world.lines(JUN, "bolt")] == ["usage", item["kind"]]


def test_an_item_of_the_oldest_month_that_is_looked_back_to_is_billed(world: ItemWorld) -> None:
    closed_until(world, 7)
    plan = {**PLAN, "org_id": "acme", "start": "2026-05-01"}
    world.load({**ONE_OFF, "org_id": "acme", "month": "2026-05"}, plan)
    world.close(AUG)
    assert [line[1:3] for line in world.lines(AUG, "acme")] == [
        ("2026-08", 1000),
        ("2026-05", 1000),
        ("2026-05", 1000),
        ("2026-06", 1000),
        ("2026-07", 1000),
    ]
    assert world.load({**plan, "end": "2026-05-01"}) == (0, 1)  # an end takes nothing that could be forgotten


@pytest.mark.parametrize("closed_twice", [False, True])
def test_late_usage_of_somebody_whom_nobody_imported_is_told_with_the_next_month(
    world: ItemWorld, closed_twice: bool
) -> None:
    world.usage.add(JUN, "ghost", 1000)
    for _ in range(1 + closed_twice):
        world.close(JUL)
    code, message = messages(world, JUL)["ghost"]
    assert (code, "2026-06" in message) == ("unknown_org", True)
    world.org("ghost")
    world.close(JUN)
    world.close(JUL)
    assert world.amounts(JUN, "ghost") == [("usage", "2026-06", 1000)]
    assert messages(world, JUL) == {}


def test_a_month_that_nobody_closed_and_one_without_anything_hold_nobody(world: ItemWorld) -> None:
    world.org("bolt")
    world.usage.add(MAY, "bolt", 1000)
    world.usage.add(JUL, "bolt", 500)
    assert world.close(JUL).held == []
    assert world.close(AUG).held == []
