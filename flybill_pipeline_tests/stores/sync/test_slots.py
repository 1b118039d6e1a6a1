"""Turns at Stripe: processes of one database leave one after the other, and know of each other's calls."""

from collections.abc import Iterator
from time import monotonic

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.stores.postgres.driver import Driver
from flybill_pipeline.stores.sync.slots import UNDER_WAY, Slots
from flybill_pipeline.stores.sync.tables import stripe_slots


@pytest.fixture
def two(engine: Engine) -> Iterator[tuple[Slots, Slots]]:
    """Two processes."""
    drivers = Driver(engine), Driver(engine)
    yield Slots(drivers[0]), Slots(drivers[1])
    for driver in drivers:
        driver.close()


def test_two_processes_leave_one_after_the_other(two: tuple[Slots, Slots]) -> None:
    began = monotonic()
    last = [two[number % 2].take("create_invoice", 2, 100).seconds for number in range(6)][-1]
    assert 2.5 - (monotonic() - began) <= last <= 2.5
    assert two[0].take("add_lines", 2, 100).seconds < 0.1  # another endpoint does not wait for it


def test_all_endpoints_share_the_accounts_pace(two: tuple[Slots, Slots]) -> None:
    began = monotonic()
    last = [two[number % 2].take(f"endpoint{number}", 100, 2).seconds for number in range(4)][-1]
    assert 1.5 - (monotonic() - began) <= last <= 1.5


def test_each_knows_of_the_calls_of_the_other(two: tuple[Slots, Slots]) -> None:
    mine, theirs = two
    turns = [mine.take("add_lines", 100, 100), theirs.take("add_lines", 100, 100), theirs.take("other", 100, 100)]
    last = mine.take("add_lines", 100, 100)
    assert [mine.ahead(each) for each in turns] == [(0, 0), (1, 1), (2, 0)]
    assert mine.ahead(last) == (3, 2)
    theirs.answered(turns[1], 0.0)  # it has just arrived: it counts for one second more
    assert mine.ahead(last) == (3, 2)
    mine.answered(turns[0], 1.0)
    assert mine.ahead(last) == (2, 1)


def test_a_process_that_died_and_a_clock_that_was_set_back_stop_nobody_for_long(
    engine: Engine, two: tuple[Slots, Slots]
) -> None:
    for _ in range(5):
        two[0].take("add_lines", 100, 100)
    later = two[1].take("add_lines", 100, 100)
    assert two[1].ahead(later) == (5, 5)
    with engine.begin() as connection:  # time passes
        connection.execute(
            text(
                "update flybill.stripe_slots set next_at = next_at + interval '1 year',"
                " counts_until = array(select each - :passed from unnest(counts_until) each)"
            ),
            {"passed": UNDER_WAY},
        )
    after = two[1].take("add_lines", 100, 100)
    assert (after.seconds <= 10, two[1].ahead(after)) == (True, (0, 0))
    with engine.connect() as connection:  # nor do rows grow
        assert {len(row.counts_until) for row in connection.execute(stripe_slots.select())} == {1}


def test_a_turn_that_the_database_forgot_is_no_obstacle(engine: Engine, two: tuple[Slots, Slots]) -> None:
    turn = two[0].take("add_lines", 100, 100)
    with engine.begin() as connection:  # what a crash of the server does
        connection.execute(stripe_slots.delete())
    assert two[0].ahead(turn) == (0, 0)
    two[0].answered(turn, 0.0)
    assert two[1].take("add_lines", 100, 100).seconds <= 1
