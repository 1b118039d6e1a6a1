"""Prepaid credits: expiry, which pays first, never below zero."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.items.credits import NEVER, Credit, apply_credits
from flybill_pipeline_tests.billing.pricing.books import OCTOBER


def credit(left: int, day: int = 1, currency: str = "usd", expires: datetime | None = None) -> Credit:
    return Credit(f"c{99 - day}", "Prepaid", left, currency, datetime(2026, 9, day, tzinfo=UTC), expires)


def _taken(total: int, *available: Credit) -> list[int]:
    return [line.amount_minor for line in apply_credits(total, available, "usd", OCTOBER).lines]


def test_the_oldest_pays_first_and_only_what_is_due() -> None:
    newer, older = credit(500, day=2), credit(300, day=1)
    applied = apply_credits(400, [newer, older], "usd", OCTOBER)
    assert [line.amount_minor for line in applied.lines] == [-300, -100]
    assert [each.left_minor for each in applied.credits] == [0, 400]
    assert applied.lines[1].description == "Prepaid: $4.00 left"


def test_what_expires_soonest_pays_before_what_stays() -> None:
    top_up, promotion = credit(10_000, day=1), credit(3_000, day=2, expires=datetime(2026, 11, 1, tzinfo=UTC))
    applied = apply_credits(3_000, [top_up, promotion], "usd", OCTOBER)
    assert {each.credit_id: each.left_minor for each in applied.credits} == {
        top_up.credit_id: 10_000,
        promotion.credit_id: 0,
    }


def test_a_priority_goes_before_everything_else() -> None:
    first = replace(credit(100, day=9), priority=0)
    soon = credit(100, day=1, expires=datetime(2026, 10, 2, tzinfo=UTC))
    applied = apply_credits(150, [soon, first], "usd", OCTOBER)
    assert [each.left_minor for each in applied.credits] == [0, 50]


ENDS = st.none() | st.integers(2, 300).map(lambda days: OCTOBER.start + timedelta(days=days))


@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(1, 500), ENDS, st.integers(0, 2)), max_size=6))
def test_nothing_that_expires_sooner_is_left_where_something_later_was_used(
    total: int, granted: list[tuple[int, datetime | None, int]]
) -> None:
    before = [
        replace(credit(amount, day=day, expires=end), priority=priority)
        for day, (amount, end, priority) in enumerate(granted, start=1)
    ]
    after = {each.credit_id: each for each in apply_credits(total, before, "usd", OCTOBER).credits}
    for one in before:
        for other in before:
            used = other.left_minor - after[other.credit_id].left_minor
            sooner = (one.priority, one.expires_at or NEVER) < (other.priority, other.expires_at or NEVER)
            assert not (used and sooner and after[one.credit_id].left_minor)


def test_a_credit_pays_for_months_in_which_it_was_valid() -> None:
    assert _taken(100, credit(500, expires=OCTOBER.start)) == []
    assert _taken(100, credit(500, expires=datetime(2026, 10, 2, tzinfo=UTC))) == [-100]
    assert _taken(100, Credit("later", "Later", 500, "usd", OCTOBER.end)) == []


def test_nothing_due_another_currency_or_nothing_left_takes_nothing() -> None:
    assert _taken(0, credit(500)) == []
    assert _taken(-100, credit(500)) == []
    assert _taken(100, credit(500, currency="eur"), credit(0, day=2), credit(-5, day=3)) == []


@given(st.integers(-1000, 1000), st.lists(st.integers(0, 500), max_size=5))
def test_credits_are_conserved_and_the_total_never_falls_below_zero(total: int, amounts: list[int]) -> None:
    before = [credit(amount, day=day) for day, amount in enumerate(amounts, start=1)]
    applied = apply_credits(total, before, "usd", OCTOBER)
    paid = -sum(line.amount_minor for line in applied.lines)
    assert paid == min(max(total, 0), sum(amounts))
    assert sum(each.left_minor for each in applied.credits) == sum(amounts) - paid
    assert all(each.left_minor >= 0 for each in applied.credits)
