"""An organization that changes its currency: what is due in the other one is billed in its month, or waits."""

from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.steps.pricing.test_items import ItemWorld
from flybill_pipeline_tests.worlds.effort import examples

AUG, SEP, OCT, NOV, DEC = (Month(2026, number) for number in (8, 9, 10, 11, 12))
USD, EUR = book(per_unit("0.01")), book(per_unit("0.02"), currency="eur")
PLAN = {"item_id": "a", "kind": "subscription", "amount": "30", "currency": "usd", "timing": "advance"}
IN_USD = {**PLAN, "start": "2026-08-01"}
IN_EUR = {**PLAN, "amount": "28", "currency": "eur", "start": "2026-09-01"}


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (USD, EUR))
    made.folder = tmp_path
    made.org("acme")
    return made


def outcome(world: ItemWorld, month: Month, org: str = "acme") -> tuple[str, str | None, str]:
    with world.engine.connect() as connection:
        query = "select outcome, code, message from flybill.outcomes where month = :month and org_id = :org"
        row = connection.execute(text(query), {"month": str(month), "org": org}).one()
    return row.outcome, row.code, row.message


@pytest.mark.parametrize("change", [{**IN_USD, "end": "2026-09-01"}, IN_EUR], ids=["cancelled", "in euro"])
def test_what_was_paid_in_advance_in_the_earlier_currency_waits_for_a_person(
    world: ItemWorld, change: dict[str, str]
) -> None:
    world.load(IN_USD)
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.load(change)
    world.close(SEP)
    held, code, message = outcome(world, SEP)
    assert (held, code) == ("held", "currency_clash")
    assert "-$30.00" in message


def test_a_plan_that_lasts_until_the_end_of_what_is_paid_needs_no_person(world: ItemWorld) -> None:
    world.load(IN_USD)
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.load({**IN_USD, "end": "2026-10-01"}, {**IN_EUR, "item_id": "b", "start": "2026-10-01"})
    world.close(SEP)
    assert world.amounts(SEP) == [("subscription", "2026-10", 2800)]
    assert outcome(world, SEP)[0] == "invoiced"


def test_a_plan_that_is_cancelled_after_the_change_waits_for_a_person_too(world: ItemWorld) -> None:
    world.load(IN_USD)
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.load({**IN_USD, "end": "2026-10-01"})
    world.usage.add(SEP, "acme", 100)
    world.close(SEP)
    world.load({**IN_USD, "end": "2026-09-01"})
    world.close(OCT)
    held, code, message = outcome(world, OCT)
    assert (held, code) == ("held", "currency_clash")
    assert "-$30.00" in message


def test_an_orderly_change_on_the_first_holds_no_month(world: ItemWorld) -> None:
    world.load(IN_USD)
    world.org("acme", currency="eur", since=SEP)
    world.load({**IN_USD, "end": "2026-09-01"}, {**IN_EUR, "item_id": "b"})
    world.close(AUG)
    world.close(SEP)
    assert world.amounts(AUG) == [("subscription", "2026-08", 3000)]
    assert world.amounts(SEP) == [("subscription", "2026-09", 2800), ("subscription", "2026-10", 2800)]
    assert [outcome(world, month)[0] for month in (AUG, SEP)] == ["invoiced", "invoiced"]


def test_an_edit_of_the_earlier_book_that_changes_no_amount_holds_nobody(world: ItemWorld) -> None:
    world.usage.add(AUG, "acme", 1000)
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.books = (book(per_unit("0.01"), per_unit("5", "newmeter")), EUR)
    world.usage.add(SEP, "acme", 1000)
    world.close(SEP)
    assert outcome(world, SEP)[0] == "invoiced"


def test_free_usage_that_comes_late_in_the_earlier_currency_is_told_and_holds_nobody(world: ItemWorld) -> None:
    world.books = (book(per_unit("0.01"), per_unit("0", "pings")), EUR)
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.usage.add(AUG, "acme", 7, "pings")
    world.close(SEP)
    assert outcome(world, SEP)[0] == "nothing_to_bill"
    assert [line[1:] for line in world.lines(SEP, "acme")] == [("2026-08", 0, Decimal(7))]
    world.close(OCT)
    assert world.lines(OCT, "acme") == []


def test_usage_with_a_price_that_comes_late_in_the_earlier_currency_waits(world: ItemWorld) -> None:
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.usage.add(AUG, "acme", 1000)
    world.close(SEP)
    held, code, message = outcome(world, SEP)
    assert (held, code) == ("held", "currency_changed")
    assert "$10.00" in message


CLOSED = [AUG, SEP, OCT, NOV]
NUMBER = count()


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.tuples(st.integers(1, 3), st.booleans()),
    plans=st.tuples(st.integers(-1, 2), st.integers(-1, 1)),
    same_item=st.booleans(),
)
def test_over_a_change_of_currency_every_plan_is_paid_or_somebody_is_told(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    change: tuple[int, bool],
    plans: tuple[int, int],
    same_item: bool,
) -> None:
    """`plans`: how many months after the change the one in dollars ends, and the one in euro begins; -1: none does."""
    (changes, known_before), (ends, begins) = change, (change[0] + months for months in plans)
    world = ItemWorld(engine, (USD, EUR))
    world.folder = tmp_path_factory.mktemp("change")
    org = world.org(f"org-{next(NUMBER)}")
    months = [*CLOSED, DEC, DEC.next()]
    dollars = {**PLAN, "org_id": org, "item_id": f"{org}-a", "start": "2026-08-01"}
    euros = {**dollars, "amount": "28", "currency": "eur", "start": str(months[begins].first_day)}
    euros["item_id"] += "" if same_item else "-eur"
    ended = {**dollars, "end": str(months[ends].first_day)}
    world.load(dollars)
    for number, month in enumerate(CLOSED):
        if number == changes - known_before:
            world.org(org, currency="eur", since=months[changes])
            if begins >= changes:
                world.load(ended, euros)
            else:
                world.load(ended)
        world.close(month, [org])
    outcomes = [outcome(world, month, org) for month in CLOSED]
    held = [each for each in outcomes if each[0] == "held"]
    if held:
        assert not (known_before and ends == begins == changes), outcomes
        assert {code for _, code, _ in held} <= {"currency_clash", "currency_changed"}
        return
    lasts = min(ends, begins) if same_item and begins >= changes else ends
    assert billed(world, org, "usd") == 3000 * min(lasts, 5), outcomes
    assert billed(world, org, "eur") == (2800 * (5 - begins) if begins >= changes else 0), outcomes


def billed(world: ItemWorld, org: str, currency: str) -> int:
    with world.engine.connect() as connection:
        query = (
            "select coalesce(sum(amount_minor), 0) from flybill.line_items"
            " where org_id = :org and currency = :currency and kind <> 'carried_forward'"
        )
        return int(connection.execute(text(query), {"org": org, "currency": currency}).scalar_one())
