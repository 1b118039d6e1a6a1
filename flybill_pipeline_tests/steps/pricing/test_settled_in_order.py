"""Months count in the order in which they were settled: a clock that is set back, or another machine's, changes none.

What was billed last of a month, what credits paid in which turn, what was waived: all of it is asked for in that order.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.outcomes import OutcomePolicy
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.invoicing.finalize_invoices import finalize_shard
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.steps.pricing.test_items import ItemWorld
from flybill_pipeline_tests.worlds.effort import examples
from flybill_pipeline_tests.worlds.landed import ALL_READ

MONTHS = AUG, SEP, OCT, NOV = tuple(Month(2026, number) for number in (8, 9, 10, 11))
TAKEN_AWAY = 0
"""The usage that came last is none: its file was replaced. So all is as it was before."""

BEGAN = datetime(2026, 12, 20, tzinfo=UTC)

Clock = Callable[[int], timedelta]
"""What the clock shows since BEGAN, by how often it was looked at."""

STEADY: Clock = lambda looks: timedelta(minutes=looks)  # noqa: E731
ODD: dict[str, Clock] = {
    "set back": lambda looks: timedelta(minutes=-looks),
    "stands still": lambda _: timedelta(0),
    "of two machines": lambda looks: timedelta(minutes=looks, hours=3 * (looks // 2 % 2)),
}
odd_clocks = pytest.mark.parametrize("clock", ODD.values(), ids=ODD)


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (book(per_unit("0.01")),))
    made.folder = tmp_path
    return made


def close(world: ItemWorld, month: Month, org: str, clock: Clock, looks: "count[int]") -> None:
    """Prices and settles the org's month, each at what the clock shows then."""
    world.price(month, [org], BEGAN + clock(next(looks)))
    part = ShardMonth(month, 0, BEGAN + clock(next(looks)), [org])
    finalize_shard(part, world.invoices, world.holds, ALL_READ, world.policy)


@odd_clocks
def test_what_was_billed_last_is_what_a_correction_is_compared_with(world: ItemWorld, clock: Clock) -> None:
    org, looks = world.org("acme"), count()
    for month, late in ((AUG, 1000), (SEP, 500), (OCT, TAKEN_AWAY)):
        _comes(world, AUG, org, late)
        close(world, month, org, clock, looks)
    assert world.amounts(OCT) == [("adjustment", "2026-08", -500)]


numbers = count()


@odd_clocks
@settings(max_examples=examples(3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    late=st.lists(st.sampled_from([None, TAKEN_AWAY, TAKEN_AWAY, 30, 45, 700, -20]), min_size=10, max_size=10),
    gifts=st.lists(st.tuples(st.sampled_from(["3", "8"]), st.booleans()), max_size=2),
    waive=st.booleans(),
)
def test_a_life_comes_to_the_same_by_every_clock(
    world: ItemWorld, clock: Clock, late: Sequence[int | None], gifts: Sequence[tuple[str, bool]], waive: bool
) -> None:
    world.policy = OutcomePolicy(waive_small_amounts=waive)
    assert _lived(world, clock, late, gifts) == _lived(world, STEADY, late, gifts)


def _lived(
    world: ItemWorld, clock: Clock, late: Sequence[int | None], gifts: Sequence[tuple[str, bool]]
) -> list[list[tuple[str, str, int]]]:
    """The lines of four months: before each close comes usage of it, and of those before it."""
    org, looks, changes = world.org(f"org{next(numbers)}"), count(), iter(late)
    world.load(*(_credit(org, number, *each) for number, each in enumerate(gifts)))
    for place, month in enumerate(MONTHS):
        for service in MONTHS[: place + 1]:
            _comes(world, service, org, next(changes))
        close(world, month, org, clock, looks)
    return [world.amounts(month, org) for month in MONTHS]


def _comes(world: ItemWorld, service: Month, org: str, quantity: int | None) -> None:
    totals = world.usage.totals[service]
    if quantity:
        world.usage.add(service, org, quantity)
    elif quantity == TAKEN_AWAY and totals and totals[-1].org_id == org:
        totals.pop()


def _credit(org: str, number: int, amount: str, ends: bool) -> dict[str, str]:
    credit = {"item_id": f"{org}-{number}", "org_id": org, "kind": "credit", "amount": amount, "currency": "usd"}
    return credit | {"start": "2026-08-01"} | ({"end": "2026-09-01"} if ends else {})
