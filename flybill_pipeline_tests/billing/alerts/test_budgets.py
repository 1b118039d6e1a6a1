"""When a mark of a budget is passed: thresholds, a forecast above it, a day that jumps."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.alerts.budgets import Budget, Spending, Warned, forecast_tells, marks_passed
from flybill_pipeline.billing.money.period import Month

MONTH = Month(2026, 11)
BUDGET = Budget("b", "acme", "Everything", 100_00, "usd", {})
WEB = Budget("w", "acme", "Web", 100_00, "usd", {"app": "web"})
AMOUNTS = st.integers(-(10**7), 10**7)


def marks(spending: Spending, budget: Budget = BUDGET) -> list[tuple[str, str]]:
    return [(each.kind, each.mark) for each in marks_passed(budget, MONTH, spending)]


def days(*amounts: int) -> list[tuple[date, int]]:
    return [(MONTH.first_day + timedelta(days=number), amount) for number, amount in enumerate(amounts)]


def test_a_threshold_is_passed_when_it_is_reached_to_the_cent() -> None:
    assert marks(Spending(49_99, None)) == []
    assert marks(Spending(50_00, None)) == [("threshold", "50")]
    assert marks(Spending(99_99, None)) == [("threshold", "50"), ("threshold", "80")]
    assert [mark for _, mark in marks(Spending(250_00, None))] == ["50", "80", "100"]


def test_a_forecast_is_told_while_the_budget_is_not_reached() -> None:
    assert marks(Spending(10_00, 100_00)) == []
    assert marks(Spending(10_00, 100_01)) == [("forecast", "")]
    assert ("forecast", "") not in marks(Spending(100_00, 300_00))


def test_a_few_hours_tell_no_forecast() -> None:
    early, later = MONTH.start + timedelta(days=2, hours=23), MONTH.start + timedelta(days=3)
    assert not forecast_tells(MONTH, later, early)
    assert not forecast_tells(MONTH, early, later)  # some clock is ahead
    assert forecast_tells(MONTH, later, later)
    assert not forecast_tells(MONTH, MONTH.end, later)
    assert not forecast_tells(MONTH, later, None)


def test_a_day_jumps_by_three_times_the_days_before_it_and_a_tenth_of_the_budget() -> None:
    assert marks(Spending(0, None, days(5_00, 5_00, 5_00, 14_99))) == []
    assert marks(Spending(0, None, days(5_00, 5_00, 5_00, 15_00))) == [("jump", "2026-11-04")]
    assert marks(Spending(0, None, days(1_00, 1_00, 1_00, 10_99))) == []  # nothing much
    assert marks(Spending(0, None, days(1_00, 1_00, 1_00, 11_00))) == [("jump", "2026-11-04")]


def test_a_day_is_compared_with_three_days_at_least_and_seven_at_most() -> None:
    assert marks(Spending(0, None, days(0, 0, 90_00))) == []
    assert marks(Spending(0, None, days(0, 0, 0, 10_00))) == [("jump", "2026-11-04")]
    week = [9_00] + [1_00] * 7
    assert marks(Spending(0, None, days(*week, 11_00))) == [("jump", "2026-11-09")]


def test_the_day_before_the_last_is_looked_at_too() -> None:
    assert marks(Spending(0, None, days(1_00, 1_00, 1_00, 50_00, 1_00))) == [("jump", "2026-11-04")]
    assert marks(Spending(0, None, days(1_00, 1_00, 1_00, 50_00, 1_00, 1_00))) == []


@given(AMOUNTS, st.integers(1, 10**7), st.lists(st.integers(1, 1000), min_size=1, unique=True))
def test_thresholds_are_exact(spent: int, amount: int, percents: list[int]) -> None:
    budget = Budget("b", "acme", "", amount, "usd", {}, percents)
    expected = {str(percent) for percent in percents if Fraction(spent, amount) >= Fraction(percent, 100)}
    assert {mark for _, mark in marks(Spending(spent, None), budget)} == expected
    assert budget.percent(spent) <= Fraction(100 * spent, amount) < budget.percent(spent) + 1


@given(st.lists(AMOUNTS, min_size=1, max_size=12), st.integers(1, 10**7))
def test_jumps_are_exact(amounts: list[int], amount: int) -> None:
    budget = Budget("b", "acme", "", amount, "usd", {})
    found = {mark for kind, mark in marks(Spending(0, None, days(*amounts)), budget) if kind == "jump"}
    expected = set()
    for place in range(max(0, len(amounts) - 2), len(amounts)):
        before = amounts[max(0, place - 7) : place]
        if len(before) >= 3:
            average = Fraction(sum(before), len(before))
            if amounts[place] >= 3 * average and amounts[place] - average >= Fraction(amount, 10):
                expected.add((MONTH.first_day + timedelta(days=place)).isoformat())
    assert found == expected


def warned(spending: Spending, budget: Budget = BUDGET) -> Sequence[Warned]:
    return list(marks_passed(budget, MONTH, spending))


def test_what_is_told_has_one_id_until_the_budget_is_another() -> None:
    (once,), (again,) = warned(Spending(60_00, None)), warned(Spending(70_00, None))
    assert once.warning_id == again.warning_id
    more = Budget("b", "acme", "Everything", 110_00, "usd", {})
    (of_more,) = warned(Spending(60_00, None), more)
    (of_web,) = warned(Spending(60_00, None), WEB)
    assert len({once.warning_id, of_more.warning_id, of_web.warning_id}) == 3
