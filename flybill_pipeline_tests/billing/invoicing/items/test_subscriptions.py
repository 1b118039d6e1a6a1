"""Subscriptions: start, change, cancel, in advance and in arrears."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.items.subscriptions import Plan, SubscriptionPeriod, subscription_lines
from flybill_pipeline.billing.invoicing.late_usage import unbilled
from flybill_pipeline.billing.pricing.line_items import total_minor
from flybill_pipeline_tests.billing.invoicing.test_late_usage import as_billed
from flybill_pipeline_tests.billing.pricing.books import OCTOBER

TEAM = Plan("team", "usd", Decimal(29))
SCALE = Plan("scale", "usd", Decimal(99))
START = datetime(2026, 1, 1, tzinfo=UTC)


def _october(day: int) -> datetime:
    return datetime(2026, 10, day, tzinfo=UTC)


def test_a_whole_month_is_the_whole_price_for_each_seat() -> None:
    (line,) = subscription_lines([SubscriptionPeriod("s1", TEAM, 3, START)], OCTOBER)
    assert (line.kind, line.amount_minor, line.quantity, line.unit) == ("subscription", 8700, Decimal(3), "seat")
    assert line.description == "team · 3 seats @ $29.00 a month"


def test_a_change_of_plan_bills_each_for_its_time() -> None:
    periods = [
        SubscriptionPeriod("s1", TEAM, 1, START, _october(15)),
        SubscriptionPeriod("s1", SCALE, 1, _october(15)),
    ]
    lines = subscription_lines(periods, OCTOBER)
    assert [line.amount_minor for line in lines] == [1310, 5429]  # 14/31 of 29, 17/31 of 99
    assert lines[0].description == "team · 1 seat @ $29.00 a month, 2026-10-01 to 2026-10-14"
    assert subscription_lines(periods, OCTOBER.next())[0].dimensions == {"plan": "scale"}


def test_the_days_of_a_part_are_those_that_it_touches() -> None:
    noon = _october(10).replace(hour=12)
    periods = [SubscriptionPeriod("s1", TEAM, 1, _october(10), noon), SubscriptionPeriod("s1", SCALE, 1, noon)]
    said = [line.description.rpartition(", ")[2] for line in subscription_lines(periods, OCTOBER)]
    assert said == ["2026-10-10 to 2026-10-10", "2026-10-10 to 2026-10-31"]


def test_cancelled_or_not_yet_begun_is_no_line() -> None:
    ended = SubscriptionPeriod("s1", TEAM, 1, START, OCTOBER.start)
    later = SubscriptionPeriod("s2", TEAM, 1, OCTOBER.end)
    assert subscription_lines([ended, later], OCTOBER) == ()


@given(st.sets(st.integers(2, 31), max_size=5), st.integers(1, 50))
def test_periods_of_one_plan_sum_to_its_month(days: set[int], seats: int) -> None:
    bounds = [OCTOBER.start, *(_october(day) for day in sorted(days)), OCTOBER.end]
    periods = [SubscriptionPeriod("s1", TEAM, seats, a, b) for a, b in pairwise(bounds)]
    lines = subscription_lines(periods, OCTOBER)
    assert total_minor(lines) == 2900 * seats
    assert len({line.line_id for line in lines}) == len(periods)


def test_in_advance_the_next_invoice_settles_what_changed_meanwhile() -> None:
    in_advance = subscription_lines([SubscriptionPeriod("s1", TEAM, 1, START)], OCTOBER)
    cancelled = [SubscriptionPeriod("s1", TEAM, 1, START, _october(15))]
    (back,) = unbilled(subscription_lines(cancelled, OCTOBER), as_billed(in_advance))
    assert back.amount_minor == 1310 - 2900
