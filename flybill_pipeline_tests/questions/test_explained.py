"""Events are read while they are shown, a few days of them where that is enough; sums have every digit."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.sentence import Sentence, said
from flybill_pipeline.questions.explained import Events, EventsByDay, ExplainedLine, UsedDay
from flybill_pipeline.steps.pricing.explain_lines import ByDay
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


def line(usage: str, events: Events, without_events: Sentence | None = None) -> ExplainedLine:
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
    assert Events(raw(["1.5", "2"]), paths_of).in_all() == (2, Decimal("3.5"))


class Lines:
    """A line with three days, of which the lake has many rows, and what was read of it."""

    def __init__(self) -> None:
        self.asked: list[Sequence[date]] = []
        counted = [(day, 1, Decimal("0.5")) for day in reversed(DAYS)] + [(DAYS[0], 2, Decimal(3)), (EMPTY, 0, ZERO)]
        self.by_day = EventsByDay(ByDay(counted, self._read, lambda days: dict.fromkeys(days, 10)), paths_of)

    def _read(self, days: Sequence[date]) -> Iterator[tuple[Any, Decimal]]:
        self.asked.append(days)
        return iter(raw(["1"]))


DAYS = [date(2025, 9, day) for day in (3, 5, 6)]
EMPTY = date(2025, 9, 9)


def test_days_are_known_before_any_event_is_read() -> None:
    lines = Lines()
    assert lines.by_day.days == [
        UsedDay(DAYS[0], 3, Decimal("3.5")),
        UsedDay(DAYS[1], 1, Decimal("0.5")),
        UsedDay(DAYS[2], 1, Decimal("0.5")),
    ]
    assert lines.asked == []


@pytest.mark.parametrize(
    ("first", "most_rows", "read"), [(0, 30, DAYS), (0, 29, DAYS[:2]), (0, 1, DAYS[:1]), (1, 99, DAYS[1:])]
)
def test_as_many_days_are_read_as_rows_allow_and_one_in_any_case(first: int, most_rows: int, read: list[date]) -> None:
    lines = Lines()
    assert len(list(lines.by_day.since(DAYS[first], most_rows))) == 1
    assert lines.asked == [read]


def test_sums_have_every_digit() -> None:
    tiny, huge = "0.000000000000000001", "12345678901234567890"
    events = Events(raw([huge, tiny, tiny]), paths_of)
    assert len(list(events)) == 3
    assert events.quantity == Decimal("12345678901234567890.000000000000000002")
    assert line("12345678901234567890", events).unexplained == Decimal("-0.000000000000000002")


def test_a_line_of_no_usage_leaves_nothing_unexplained() -> None:
    assert line("5", Events([], paths_of), said("a one-off item")).unexplained == 0


def test_a_file_that_nobody_knows_any_more_has_no_name() -> None:
    (event,) = Events(raw(["1"], arrival=9), paths_of)
    assert event.file == ""
