"""What is said of a month that still runs."""

from datetime import UTC, datetime, timedelta

from flybill_pipeline.billing.invoicing.commitments import Commitment, true_up_line
from flybill_pipeline.billing.invoicing.forecast import Forecast
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.outlook import Source, forecast_words, freshness_words, left_words, why_words

MONTH = Month(2026, 11)
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def test_a_forecast_says_its_range_and_what_it_is_from() -> None:
    assert english(*forecast_words(Forecast(4120, 3600, 5200, 9), "usd", 500)) == (
        "If the month goes on like this, it comes to about $41.20. "
        "If each day left is like the cheapest or the dearest so far, it is between $36.00 and $52.00. "
        "Before discounts and credits, $5.00 is plans and amounts that do not grow with the month."
    )
    assert english(*forecast_words(Forecast(4120, 4120, 4120), "usd", 0)).count(".") == 2


def test_a_source_that_reports_late_is_named() -> None:
    sources = [Source("machines", NOW - timedelta(hours=3)), Source("volumes", NOW - timedelta(hours=2, minutes=59))]
    assert english(*freshness_words(NOW - timedelta(minutes=30), sources, NOW)) == (
        "Usage is counted up to November 20, 2026, 14:00 UTC. machines reported 3 hours ago."
    )


def test_what_is_late_for_days_is_told_in_days() -> None:
    for passed, words in (
        (timedelta(hours=47), "machines reported 47 hours ago."),
        (timedelta(hours=48), "machines reported 2 days ago."),
    ):
        assert english(*freshness_words(None, [Source("machines", NOW - passed)], NOW)) == words


def test_what_is_left_of_credits_and_of_a_minimum() -> None:
    credit = Credit("c", "Start", 1200, "usd", NOW, datetime(2027, 1, 1, tzinfo=UTC))
    commitment = Commitment("acme", 10_000)
    line = true_up_line([], commitment, "usd", MONTH, 4000)
    assert line is not None
    assert [english(each) for each in left_words([credit], commitment, [line])] == [
        "$12.00 of the credit Start is left after this, until December 31, 2026.",
        "Your contract has a minimum of $100.00 for the month: $60.00 is missing so far.",
    ]
    met = line._replace(kind="usage")
    assert [english(each) for each in left_words([], commitment, [met])] == [
        "The minimum of $100.00 of your contract is reached."
    ]


def test_a_line_that_nobody_used_says_why_it_is_there() -> None:
    line = true_up_line([], Commitment("acme", 100), "usd", MONTH)
    assert line is not None
    adjusted = why_words(line._replace(kind="adjustment", service_month=MONTH.previous()))
    assert adjusted is not None and "after October 2026 was invoiced" in english(adjusted)
    assert why_words(line._replace(kind="usage")) is None
