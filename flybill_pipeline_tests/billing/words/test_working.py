"""Each step of a working has its words, and each kind of line: none that billing makes is without."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flybill_pipeline import billing
from flybill_pipeline.billing.invoicing import returned_credits
from flybill_pipeline.billing.invoicing.items.subscriptions import Plan, SubscriptionPeriod, subscription_lines
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.lines import KINDS, line_words, places_of
from flybill_pipeline.billing.words.working import STEPS, step_words

CONSTANTS = {"BELOW_ZERO": BELOW_ZERO, "ADJUSTMENT": "adjustment"} | {
    name: getattr(returned_credits, name) for name in ("RETURNED", "BACK", "LAPSED", "AGAIN")
}


def named(maker: str, place: str) -> set[str]:
    """What calls of `maker` in billing give as their first argument, or as the one of that name."""
    found = set[str]()
    for file in Path(billing.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(maker):
                given = [each.value for each in node.keywords if each.arg == place] or node.args[:1]
                found |= {ast.unparse(each).strip("'") for each in given}
    return {CONSTANTS.get(each, each) for each in found}


def test_every_kind_of_step_has_words() -> None:
    assert named("WorkingStep", "step") == set(STEPS) | {"packages", "percentage"}


def test_every_kind_of_line_has_words() -> None:
    assert named("LineItem", "kind") | named("_replace", "kind") & {"adjustment"} == set(KINDS) | {"usage"}


def steps() -> Iterator[tuple[WorkingStep, str]]:
    yield WorkingStep("free_units", quantity=Decimal(5), limit=Decimal(10)), "5 free (the first 10 of the month are)"
    yield WorkingStep("units", Decimal(3), Decimal(2), Decimal("1.5")), "2 @ $1.50 = $3.00"
    yield (
        WorkingStep("tier", Decimal(4), Decimal(2), Decimal("1.5"), Decimal(1), Decimal(0), Decimal(9)),
        "from the first up to 9: 2 @ $1.50 + $1.00 flat = $4.00",
    )
    yield (
        WorkingStep("packages", Decimal(10), Decimal(2), Decimal(5), package_size=Decimal(1000)),
        ("2 packages of 1,000 @ $5.00 = $10.00"),
    )
    yield WorkingStep("percentage", Decimal("0.29"), Decimal(10), rate=Decimal("0.029")), "2.9% of 10 = $0.29"
    yield WorkingStep("minimum_spend", Decimal(4), limit=Decimal(10)), "minimum of $10.00: $4.00"
    yield WorkingStep("maximum_spend", Decimal(-4), limit=Decimal(10)), "maximum of $10.00: -$4.00"
    yield WorkingStep("part_of_month", Decimal(-4), note="3 of 30 days"), "3 of 30 days: -$4.00"
    yield (
        WorkingStep(BELOW_ZERO, note="below zero for 2.5 hours, which count as zero"),
        "below zero for 2.5 hours, which count as zero",
    )
    yield WorkingStep("already_billed", Decimal(-4)), "billed before: -$4.00"
    yield WorkingStep("credit_lapsed", Decimal(4), note="c"), "back to the credit, which has ended: $4.00"


@pytest.mark.parametrize(("step", "words"), list(steps()), ids=lambda each: getattr(each, "step", ""))
def test_each_step_has_its_words(step: WorkingStep, words: str) -> None:
    assert english(step_words(step, "usd")) == words


def test_a_discount_names_the_lines_of_its_statement_that_it_is_off() -> None:
    """Not those that are just the difference to what was billed: it is off the whole month's."""
    line = LineItem("usage", "a", "m", {}, Month(2026, 10), Decimal(1), "GB", Decimal(7), 700, "usd", "")
    late = line._replace(line_id="b", working=(WorkingStep("already_billed", Decimal(-4)),))
    places = places_of([late, line])
    told = [english(step_words(WorkingStep("discount", Decimal(-3), note=note), "usd", places)) for note in "abc"]
    assert told == ["off line 2: -$3.00", "off one line: -$3.00", "off one line: -$3.00"]


@pytest.mark.parametrize(
    ("start", "end", "step_says", "line_says"),
    [
        (
            "2026-10-01",
            "2026-10-15",
            "October 1, 2026 until October 14, 2026",
            "October 1, 2026 until October 14, 2026",
        ),
        ("2026-10-10", "2026-10-10T12", "October 10, 2026 until October 10, 2026", "until October 10, 2026"),
        ("2026-10-01T12", "2026-11-01", "October 1, 2026 until October 31, 2026", "until October 31, 2026"),
        ("2026-10-01", "2026-11-01", "October 1, 2026 until October 31, 2026", "a month"),
    ],
)
def test_the_days_of_a_plan_are_those_that_it_touches(start: str, end: str, step_says: str, line_says: str) -> None:
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (start, end))
    period = SubscriptionPeriod("s", Plan("team", "usd", Decimal(29)), 1, first, last)
    (line,) = subscription_lines([period], Month(2026, 10))
    assert f"active from {step_says}: " in english(step_words(line.working[0], "usd"))
    assert english(line_words(line)).endswith(line_says)
