"""How lines are cut for Stripe: nothing is lost, nothing is sent twice."""

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.lines import (
    CHUNK,
    MOST_LINES,
    chunk_step,
    chunks,
    first_chunk,
    lines_for_stripe,
    next_chunk,
)
from flybill_pipeline.billing.sync.values import SyncLine

MONTHS = [Month(2026, 10), Month(2026, 9)]


def line(number: int, meters: int = 7, amount: int = 1) -> SyncLine:
    meter = None if number % 11 == 0 else f"meter{number % meters}"
    kind = "usage" if meter else "discount"
    return SyncLine(f"line{number}", kind, meter, MONTHS[number % 2], amount, f"Line {number}")


lists = st.lists(st.integers(-(10**6), 10**9), max_size=900)


@given(lists, st.integers(1, 600))
def test_stripe_gets_at_most_250_lines_with_the_same_sum_and_ids_of_their_own(amounts: list[int], meters: int) -> None:
    ours = [line(number, meters, amount) for number, amount in enumerate(amounts)]
    theirs = lines_for_stripe(ours)
    assert len(theirs) <= MOST_LINES
    assert sum(line.amount_minor for line in theirs) == sum(amounts)
    assert len({line.line_id for line in theirs}) == len(theirs)
    assert lines_for_stripe(ours) == theirs


def test_up_to_250_lines_are_left_alone() -> None:
    ours = [line(number) for number in range(MOST_LINES)]
    assert lines_for_stripe(ours) == tuple(ours)


def test_a_meter_in_two_service_months_stays_apart() -> None:
    usage = [SyncLine(str(n), "usage", "cpu", MONTHS[n % 2], 1, "") for n in range(300)]
    assert [(line.service_month, line.amount_minor) for line in lines_for_stripe(usage)] == [
        (MONTHS[0], 150),
        (MONTHS[1], 150),
    ]


@given(st.integers(0, 350))
def test_chunks_hold_every_line_once_in_order(count: int) -> None:
    ours = [line(number) for number in range(count)]
    portions = chunks(ours)
    assert [entry for portion in portions for entry in portion] == ours
    assert all(len(portion) <= CHUNK for portion in portions)


def test_a_step_says_which_chunk_to_begin_with() -> None:
    assert [first_chunk(step) for step in (None, "create", "look", chunk_step(0), chunk_step(2))] == [0, 0, 0, 0, 2]


def test_only_whole_chunks_can_be_gone_on_from() -> None:
    ours = [line(number) for number in range(150)]
    ids = [entry.line_id for entry in ours]
    assert next_chunk(ours, []) == 0
    assert next_chunk(ours, ids[:100][::-1]) == 1
    assert next_chunk(ours, ids) == 2
    assert next_chunk(ours, ids[:99]) is None
    assert next_chunk(ours, [*ids[:100], ids[0]]) is None
    assert next_chunk(ours, [*ids, "il_foreign"]) is None
