"""Events are read while they are shown; what they come to is known afterwards, to the last digit."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.questions.explained import AT_ONCE, Events, ExplainedLine
from flybill_pipeline_tests.questions.conftest import NOW


def paths_of(arrivals: Collection[int]) -> dict[int, str]:
    return {1: "usage/september.jsonl"} if 1 in arrivals else {}


def raw(quantities: list[str], arrival: int = 1) -> Iterator[tuple[Any, Decimal]]:
    for row, quantity in enumerate(quantities, start=1):
        event = SimpleNamespace(
            source="usage",
            event_id=f"e{row}",
            meter="seconds",
            dimensions='{"region": "syd"}',
            occurred_at=NOW,
            arrival=arrival,
            row=row,
        )
        yield event, Decimal(quantity)


def line(usage: str, events: Events, without_events: str = "") -> ExplainedLine:
    item = LineItem(
        kind="usage",
        line_id="1",
        meter="seconds",
        dimensions={},
        service_month=Month.parse("2025-10"),
        quantity=Decimal(usage),
        unit="second",
        amount=Decimal(1),
        amount_minor=100,
        currency="usd",
        description="seconds",
        usage=Decimal(usage),
    )
    return ExplainedLine(1, item, without_events, None, events, Events([], paths_of))


def test_what_was_read_is_counted_and_no_more() -> None:
    events = Events(raw(["1.5", "2.25", "4"]), paths_of)
    assert (events.count, events.quantity) == (0, Decimal(0))
    first = next(iter(events))
    assert (first.dimensions, first.file, first.row) == ({"region": "syd"}, "usage/september.jsonl", 1)
    assert (events.count, events.quantity) == (1, Decimal("1.5"))


def test_what_is_counted_already_is_not_read() -> None:
    def read() -> Iterator[tuple[Any, Decimal]]:
        yield from raw(["1.5"] * AT_ONCE)
        raise AssertionError("more was read than is shown")

    events = Events(read(), paths_of, [(1, Decimal("1.5")), (2, Decimal("6.25"))])
    next(iter(events))
    assert events.in_all() == (3, Decimal("7.75"))


def test_days_that_were_never_compiled_count_nothing() -> None:
    assert Events(raw(["1.5"]), paths_of, []).in_all() == (0, Decimal(0))


def test_what_was_read_to_its_end_counts_as_it_was_read() -> None:
    events = Events(raw(["1.5", "2"]), paths_of, [(9, Decimal(9))])
    list(events)
    assert events.in_all() == (2, Decimal("3.5"))
    assert Events(raw(["1.5", "2"]), paths_of).in_all() == (2, Decimal("3.5"))


def test_sums_have_every_digit() -> None:
    tiny, huge = "0.000000000000000001", "12345678901234567890"
    events = Events(raw([huge, tiny, tiny]), paths_of)
    assert len(list(events)) == 3
    assert events.quantity == Decimal("12345678901234567890.000000000000000002")
    assert line("12345678901234567890", events).unexplained == Decimal("-0.000000000000000002")


def test_a_line_of_no_usage_leaves_nothing_unexplained() -> None:
    assert line("5", Events([], paths_of), "a one-off item").unexplained == 0


def test_a_file_that_nobody_knows_any_more_has_no_name() -> None:
    (event,) = Events(raw(["1"], arrival=9), paths_of)
    assert event.file == ""
