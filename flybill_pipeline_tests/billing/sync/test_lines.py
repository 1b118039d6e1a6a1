"""How lines are cut for Stripe: nothing is lost, nothing is sent twice."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.portions import Portion
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


def usage(number: int, meter: str = "cpu", title: str | None = "CPU", **dimensions: str) -> SyncLine:
    return SyncLine(
        f"line{number}", "usage", meter, MONTHS[0], 1, "CPU · …", title, "usd", dimensions, Decimal("0.5"), "hour"
    )


def rolled_up(lines: list[SyncLine]) -> list[tuple[str, int]]:
    return [(line.description, line.amount_minor) for line in lines_for_stripe(lines)]


def test_what_tells_most_lines_apart_stays_apart_at_stripe() -> None:
    cpus = [usage(n, app=f"app-{n % 100}", size=f"s{n % 3}", region="fra") for n in range(300)]
    by_app = rolled_up(cpus)
    assert (len(by_app), by_app[0]) == (100, ("CPU · app-0 · fra, 2026-10: 1.5 hours in 3 lines", 3))
    disks = [replace(line, line_id=f"disk{n}", meter="disk", title="Disks") for n, line in enumerate(cpus)]
    both = rolled_up([*cpus, *disks])
    assert len(both) == 200 and both[-1][0] == "Disks · app-99 · fra, 2026-10: 1.5 hours in 3 lines"
    three = rolled_up([*cpus, *disks, *(replace(line, line_id=f"x{n}", meter="x") for n, line in enumerate(cpus))])
    assert (len(three), three[1]) == (100, ("app-1 · fra, 2026-10: 9 lines", 9))


def test_too_many_apps_are_told_by_what_they_have_in_common() -> None:
    apps = [usage(n, app=f"app-{n}", size=f"s{n % 3}") for n in range(300)]
    assert rolled_up(apps) == [(f"CPU · s{n}, 2026-10: 50 hours in 100 lines", 100) for n in range(3)]
    only_apps = [usage(n, app=f"app-{n}") for n in range(300)]
    assert rolled_up(only_apps) == [("CPU, 2026-10: 150 hours in 300 lines", 300)]


def test_an_invoice_from_before_titles_is_rolled_up_as_it_was_sent() -> None:
    old = [usage(n, title=None, app=f"app-{n % 100}") for n in range(300)]
    assert [(line.line_id, line.description) for line in lines_for_stripe(old)] == [
        ("rollup:line0", "cpu, 2026-10: 150 hours in 300 lines")
    ]


def test_a_line_says_what_it_is_shown_by_as_far_as_there_is_room() -> None:
    web, api = Portion({"app": "web"}, Decimal(1), 880), Portion({"app": "api"}, Decimal(1), 310)
    line = replace(usage(1), description="CPU · 9 hours", portions=(api, web))
    assert [each.description for each in lines_for_stripe([line])] == ["CPU · 9 hours. By app: web $8.80, api $3.10"]
    many = replace(line, portions=tuple(Portion({"app": f"app-{n}"}, Decimal(1), n) for n in range(400)))
    (told,) = lines_for_stripe([many])
    assert len(told.description) <= 500 and " others $" in told.description
    (whole,) = lines_for_stripe([replace(line, line_id=str(n), dimensions={"app": str(n)}) for n in range(300)])
    assert whole.description.endswith("150 hours in 300 lines. By app: web $2,640.00, api $930.00")
    assert sum(each.amount_minor for each in whole.portions) == 300 * (880 + 310)


@given(st.text(max_size=700), st.text(max_size=90))
def test_whatever_it_is_called_a_line_is_one_that_stripe_takes(text: str, app: str) -> None:
    shown = (Portion({"app": app}, Decimal(1), 880),)
    (line,) = lines_for_stripe([replace(usage(1), description=text, portions=shown)])
    assert 1 <= len(line.description) <= 500 or not text
    assert line.description.replace("\u200d", "").replace("\u200c", "").isprintable()


def test_an_app_cannot_turn_the_direction_of_its_price() -> None:
    shown = (Portion({"app": "a\u202eb\nc"}, Decimal(1), 880),)
    (line,) = lines_for_stripe([replace(usage(1), description="CPU · a\u202eb\nc · 9 hours", portions=shown)])
    assert line.description == "CPU · a\\u202eb\\nc · 9 hours. By app: a\\u202eb\\nc $8.80"


@given(lists, st.integers(1, 9), st.integers(1, 400))
def test_rolled_up_by_any_dimensions_the_sum_and_the_order_stay(amounts: list[int], meters: int, apps: int) -> None:
    ours = [
        replace(usage(number, f"m{number % meters}", app=f"app-{number % apps}"), amount_minor=amount)
        for number, amount in enumerate(amounts)
    ]
    theirs = lines_for_stripe(ours)
    assert len(theirs) <= MOST_LINES and sum(line.amount_minor for line in theirs) == sum(amounts)
    places = [int(line.line_id.removeprefix("rollup:").removeprefix("line")) for line in theirs]
    assert places == sorted(set(places))


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
