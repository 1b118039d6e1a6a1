"""A sentence is said with its values: in the form of its language, and never read twice."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.sentence import Exact, Money, Quantity, Value, counted, said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Money(-123456, "usd"), "-$1,234.56"),
        (Exact(Decimal("0.0000022"), "eur"), "€0.0000022"),
        (Quantity(Decimal(2500), "second"), "2,500 seconds"),
        (Decimal("1440000.50"), "1,440,000.5"),
        (1440, "1,440"),
        (Month(2026, 10), "October 2026"),
        (date(2026, 11, 3), "November 3, 2026"),
        (datetime(2026, 11, 3, 1, 5, tzinfo=timezone(timedelta(hours=2))), "November 2, 2026, 23:05 UTC"),
        (said("{of} it", of="half of"), "half of it"),
        ("{value} {0.__class__} %s", "{value} {0.__class__} %s"),
    ],
)
def test_each_value_is_said(value: Value, text: str) -> None:
    assert english(said("It is {value}.", value=value)) == f"It is {text}."


def test_one_and_many() -> None:
    told = [english(counted("{count} file waits.", "{count} files wait.", count=count)) for count in (0, 1, 2000)]
    assert told == ["0 files wait.", "1 file waits.", "2,000 files wait."]


def test_a_moment_is_utc() -> None:
    assert english(said("{at}", at=datetime(2026, 1, 1, tzinfo=UTC))) == "January 1, 2026, 00:00 UTC"
