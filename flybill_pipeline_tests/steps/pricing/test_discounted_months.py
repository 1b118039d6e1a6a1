"""A discount follows what it discounted: what is cancelled, corrected or late meets the discounts of its month.

Nothing is given back that was not paid: neither what a discount took off, nor what was waived.
"""

from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.outcomes import OutcomePolicy
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.steps.pricing.test_items import ItemWorld
from flybill_pipeline_tests.worlds.effort import examples

AUG, SEP, OCT, NOV = (Month(2026, number) for number in (8, 9, 10, 11))
PLAN = {"item_id": "a", "kind": "subscription", "amount": "30", "currency": "usd", "timing": "advance"}
FREE = {"item_id": "free", "kind": "discount", "percent": "100", "start": "2026-08", "end": "2026-09"}


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (book(per_unit("0.01")),))
    made.folder = tmp_path
    made.org("acme")
    return made


def total(world: ItemWorld, month: Month, org: str = "acme") -> int:
    """What the month comes to by itself, without what earlier months left open."""
    return sum(amount for kind, _, amount, _ in world.lines(month, org) if kind != "carried_forward")


@pytest.mark.parametrize(("percent", "august", "september"), [("100", 0, 0), ("50", 3000, -1500), ("0", 6000, -3000)])
def test_a_plan_that_was_paid_ahead_under_a_discount_gives_back_what_was_paid(
    world: ItemWorld, percent: str, august: int, september: int
) -> None:
    plan = {**PLAN, "start": "2026-08-01"}
    world.load(plan, {**FREE, "percent": percent})
    world.close(AUG)
    assert total(world, AUG) == august
    world.load({**plan, "end": "2026-09-01"})
    world.close(SEP)
    assert total(world, SEP) == september
    world.close(OCT)
    assert total(world, OCT) == 0


def test_at_the_edge_of_the_look_back_a_cancelled_plan_gives_back_what_was_paid(world: ItemWorld) -> None:
    plan = {**PLAN, "start": "2026-08-01"}
    world.load(plan, {**FREE, "percent": "50"})
    for month in (AUG, SEP, OCT, NOV):
        world.close(month)
    world.load({**plan, "end": "2026-09-01"})
    world.close(NOV.next())
    assert total(world, NOV.next()) == -10500


def test_what_a_month_billed_keeps_its_discount_where_an_earlier_one_is_settled_later(world: ItemWorld) -> None:
    """August waits for a price. It is settled after September, and bills the change of a plan that is billed ahead."""
    plan = {**PLAN, "start": "2026-09-01"}
    world.usage.add(AUG, "acme", 1, meter="disk")
    assert world.close(AUG).held == [("acme", "unpriced_meter")]
    world.load(plan, {**FREE, "percent": "50", "start": "2026-09", "end": "2026-10"})
    world.close(SEP)
    assert total(world, SEP) == 3000
    world.load({**plan, "end": "2026-09-11"})
    world.books = (book(per_unit("0.01"), per_unit("0.01", "disk")),)
    world.close(AUG)
    world.close(OCT)
    world.close(NOV)
    ten_days_at_half_price, disk = 500, 1
    assert sum(total(world, month) for month in (AUG, SEP, OCT, NOV)) == ten_days_at_half_price + disk


def test_usage_that_comes_late_for_a_free_month_is_free(world: ItemWorld) -> None:
    world.load(FREE)
    world.close(AUG)
    world.usage.add(AUG, "acme", 3000)
    world.close(SEP)
    assert world.amounts(SEP) == [("usage", "2026-08", 3000), ("discount", "2026-08", -3000)]
    world.close(OCT)
    assert world.amounts(OCT) == []


def test_a_correction_of_a_discounted_month_gives_back_what_was_paid(world: ItemWorld) -> None:
    world.load({**FREE, "percent": "50"})
    world.usage.add(AUG, "acme", 1000)
    world.close(AUG)
    world.usage.add(AUG, "acme", -400)
    world.close(SEP)
    assert world.amounts(SEP) == [("adjustment", "2026-08", -400), ("discount", "2026-08", 200)]


def test_an_amount_off_is_given_once_however_late_the_usage(world: ItemWorld) -> None:
    world.load({"item_id": "ten", "kind": "discount", "amount": "10", "currency": "usd", "end": "2026-09"})
    world.usage.add(AUG, "acme", 300)
    world.close(AUG)
    world.usage.add(AUG, "acme", 2000)
    world.close(SEP)
    assert [total(world, AUG), total(world, SEP)] == [0, 1300]


def test_a_discount_of_a_later_month_leaves_late_usage_of_an_earlier_one_alone(world: ItemWorld) -> None:
    world.load({**FREE, "start": "2026-09", "end": "2026-10"})
    world.close(AUG)
    world.usage.add(AUG, "acme", 1000)
    world.usage.add(SEP, "acme", 500)
    world.close(SEP)
    assert total(world, SEP) == 1000


def test_a_month_that_was_settled_before_discounts_were_kept_is_billed_as_it_was(world: ItemWorld) -> None:
    world.load({**FREE, "percent": "50", "end": "2026-12"})
    world.close(AUG)
    with world.engine.begin() as connection:
        connection.execute(text("update flybill.pricing_bases set discounts = null"))
    world.usage.add(AUG, "acme", 1000)
    world.close(SEP)
    assert total(world, SEP) == 500


def test_what_is_left_of_a_credit_in_another_currency_waits_for_a_person(world: ItemWorld) -> None:
    top_up = {"item_id": "top", "kind": "credit", "amount": "100", "currency": "usd", "start": "2026-08-01"}
    world.load(top_up)
    world.usage.add(AUG, "acme", 2000)
    world.close(AUG)
    world.org("acme", currency="eur", since=SEP)
    world.books = (*world.books, book(per_unit("0.01"), currency="eur"))
    world.usage.add(SEP, "acme", 2000)
    world.close(SEP)
    with world.engine.connect() as connection:
        query = "select outcome, code, message from flybill.outcomes where month = '2026-09'"
        outcome, code, message = connection.execute(text(query)).one()
    assert (outcome, code) == ("held", "currency_clash")
    assert "$80.00" in message
    world.load({**top_up, "end": "2026-09-01"})
    world.close(SEP)
    assert total(world, SEP) == 2000


MONTHS = [Month(2026, number) for number in range(5, 12)]
NUMBER = count()
STORY = st.fixed_dictionaries(
    {
        "percent": st.sampled_from(["100", "50", "33.3", "12.5"]) | st.none(),
        "amount": st.integers(1, 60).map(lambda cents: f"{cents / 10:.2f}"),
        "window": st.tuples(st.integers(0, 6), st.integers(1, 6)),
        "usage": st.lists(
            st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(1, 30) | st.integers(1, 900)), max_size=4
        ),
        "plan": st.sampled_from(["30", "0.40"]),
        "waives": st.frozensets(st.integers(0, 6)),
        "taken_back_in": st.integers(1, 2),
        "plan_from": st.integers(0, 5),
    }
)


FOUND = {
    "percent": "100",
    "amount": "0.10",
    "window": (0, 1),
    "usage": [(1, 0, 1)],
    "plan": "30",
    "waives": frozenset([0, 1, 5]),
    "taken_back_in": 2,
    "plan_from": 0,
}
"""A discount on a plan that was billed ahead is taken back in a waived month, with a cent of usage beside it."""


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORY)
@example(story=FOUND)
@example(story={**FOUND, "usage": [(4, 0, 1)]})
def test_whatever_is_taken_back_nobody_is_given_back_more_than_was_billed(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, story: dict[str, object]
) -> None:
    world = ItemWorld(engine, (book(per_unit("0.01")),), lookback_months=12)
    world.folder = tmp_path_factory.mktemp("story")
    org = world.org(f"org-{next(NUMBER)}")
    waived = tell(world, org, story)
    sums = [paid(world, month, org, waived=month in waived) for month in MONTHS]
    assert all(sum(sums[: number + 1]) >= 0 for number in range(len(sums))), sums
    assert sum(sums) == 0, sums


def paid(world: ItemWorld, month: Month, org: str, *, waived: bool) -> int:
    """What the month adds to what the org paid or still has to: nothing if it was waived, with all that it brought."""
    if not waived:
        return total(world, month, org)
    return -sum(amount for kind, _, amount, _ in world.lines(month, org) if kind == "carried_forward")


def tell(world: ItemWorld, org: str, story: dict[str, object]) -> set[Month]:
    """Closes month after month; what is used and bought is wholly taken back some months later.

    Returns the months that were waived.
    """
    waived: set[Month] = set()
    start, length = story["window"]  # type: ignore[misc]
    window = {"start": str(MONTHS[start]), "end": str(MONTHS[min(start + length, 6)])}  # type: ignore[has-type]
    off = {"percent": story["percent"]} if story["percent"] else {"amount": story["amount"], "currency": "usd"}
    if window["start"] < window["end"]:
        world.load({"org_id": org, "item_id": f"{org}-off", "kind": "discount", **window, **off})  # type: ignore[dict-item]
    plan_from = MONTHS[int(str(story["plan_from"]))]
    plan = {**PLAN, "org_id": org, "item_id": f"{org}-plan", "start": str(plan_from.first_day)}
    plan["amount"] = str(story["plan"])
    world.load(plan)
    for number, month in enumerate(MONTHS):
        for service, late, quantity in story["usage"]:  # type: ignore[attr-defined]
            back_in = min(service + late + int(str(story["taken_back_in"])), len(MONTHS) - 1)
            if number == service + late and number < back_in:
                world.usage.add(MONTHS[service], org, Decimal(quantity))
            if number == back_in and service + late < back_in:
                world.usage.add(MONTHS[service], org, Decimal(-quantity))
        if month == max(plan_from, MONTHS[1]):
            world.load({**plan, "end": plan["start"]})
        world.policy = OutcomePolicy(waive_small_amounts=number in story["waives"])  # type: ignore[operator]
        if world.close(month, [org]).outcomes == {"waived": 1}:
            waived.add(month)
    return waived


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    percent=st.sampled_from([100, 50, 25]),
    window=st.tuples(st.integers(0, 5), st.integers(1, 3)),
    lookback=st.integers(0, 3),
    cancelled=st.tuples(st.integers(1, 5), st.integers(0, 5)),
)
def test_a_plan_that_is_cancelled_gives_back_what_was_paid_for_the_months_of_the_look_back(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    percent: int,
    window: tuple[int, int],
    lookback: int,
    cancelled: tuple[int, int],
) -> None:
    """`cancelled` has the month in which the plan is cancelled, and the one in which it ends."""
    cancelled_in, ends = cancelled
    world = ItemWorld(engine, (book(per_unit("0.01")),), lookback_months=lookback)
    world.folder = tmp_path_factory.mktemp("cancelled")
    org = world.org(f"cancelled-{next(NUMBER)}")
    start, end = window[0], min(sum(window), 6)
    plan = {**PLAN, "org_id": org, "item_id": f"{org}-plan", "start": str(MONTHS[0].first_day)}
    off = {**FREE, "org_id": org, "item_id": f"{org}-off", "percent": str(percent)}
    world.load(plan, {**off, "start": str(MONTHS[start]), "end": str(MONTHS[end])})
    for number, month in enumerate(MONTHS):
        if number == cancelled_in:
            world.load({**plan, "end": str(MONTHS[ends].first_day)})
        world.close(month, [org])

    def paid(service: int) -> int:
        """What the invoice before the month took for it; the first month had no invoice before it."""
        invoiced_in = max(service - 1, 0)
        return 3000 - 30 * percent if start <= invoiced_in < end else 3000

    kept = [number for number in range(7) if number < ends or number < cancelled_in - lookback]
    assert sum(total(world, month, org) for month in MONTHS) == sum(paid(number) for number in kept)
