"""Months: half-open, ordered, in UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.period import Month

MONTHS = st.builds(Month, st.integers(1, 9998), st.integers(1, 12))


@pytest.mark.parametrize("text", ["2026-10", "0001-01", "2024-02"])
def test_a_month_is_written_as_it_is_read(text: str) -> None:
    assert str(Month.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "", " 2026-10", "\u0662\u0660\u0662\u0666-10", "0000-01"],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        Month.parse(text)


@pytest.mark.parametrize("text", ["0001-01", "1899-12", "9901-01", "9998-12"])
def test_nobody_asks_for_a_month_without_years_around_it(text: str) -> None:
    with pytest.raises(ValueError, match="from 1900 to 9900"):
        Month.asked(text)
    assert Month.asked("1900-01").previous() == Month(1899, 12)


def test_a_month_is_half_open_in_utc() -> None:
    october = Month(2026, 10)
    assert october.start == datetime(2026, 10, 1, tzinfo=UTC)
    assert october.end == datetime(2026, 11, 1, tzinfo=UTC)
    assert Month.of(october.end - timedelta(microseconds=1)) == october
    assert Month.of(october.end) == october.next()


def test_the_month_of_a_moment_is_its_month_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert Month.of(datetime(2026, 11, 1, 8, 59, tzinfo=tokyo)) == Month(2026, 10)
    assert Month.of(date(2026, 11, 1)) == Month(2026, 11)


def test_a_moment_without_a_zone_has_no_month() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Month.of(datetime(2026, 11, 1, 8, 59))  # noqa: DTZ001


def test_days_know_leap_years() -> None:
    assert [month.last_day.day for month in (Month(2024, 2), Month(2026, 2), Month(2026, 12))] == [29, 28, 31]
    assert Month(2026, 9).days()[0] == Month(2026, 9).first_day
    assert Month(2026, 9).days()[-1] == Month(2026, 9).last_day


@given(MONTHS)
def test_months_follow_each_other_without_gap_or_overlap(month: Month) -> None:
    assert month.last_day + timedelta(days=1) == month.end.date()
    assert len(month.days()) == (month.end - month.start).days
    if month != Month(9998, 12):
        assert month.next().start == month.end
        assert month.next().previous() == month
        assert month < month.next()
