"""Usage that came after its month was closed is counted until a later month bills it, on real files."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render.month_status import overview_data, show_overview
from flybill_pipeline.questions.late_usage import LateUsage, late_usage
from flybill_pipeline.questions.month_status import month_status
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.site import Site

MONTH, BEGAN = Month(2025, 10), datetime(2025, 11, 3, 6, tzinfo=UTC)


@pytest.fixture
def site(tools: Toolbox) -> Site:
    """A month that was closed before any of its usage had landed."""
    made = Site(replace(tools, now=lambda: BEGAN + timedelta(days=40)), MONTH, BEGAN)
    made.price()
    assert made.finalize().outcomes == {"nothing_to_bill": 1}
    return made


def test_it_is_told_of_the_month_it_belongs_to_until_it_is_billed(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert late_usage(site.tools, MONTH) == LateUsage(0, 0)
    site.land(3, BEGAN + timedelta(days=1))
    site.bring_in()
    answer = month_status(site.tools, MONTH)
    show_overview(answer)
    said = "late usage: usage of 1 organization came after the month was closed; it is billed with the next month"
    assert said in capsys.readouterr().out.splitlines()
    assert overview_data(answer)["late_usage"] == {"organizations": 1, "too_late": 0}
    assert answer.bills.outcomes == {"nothing_to_bill": 1}

    part = ShardMonth(MONTH.next(), 0, site.tools.now())
    price(site.tools, part)
    assert finalize(site.tools, part).invoiced == {"usd": 800}
    assert late_usage(site.tools, MONTH) == LateUsage(0, 0)


def test_what_no_month_can_bill_any_more_is_told_apart(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    strict = site.tools.settings.model_copy(update={"lookback_months": 0})
    tools = replace(site.tools, settings=strict)
    site.land(3, BEGAN + timedelta(days=1))
    site.bring_in()
    answer = month_status(tools, MONTH)
    show_overview(answer)
    assert answer.late == LateUsage(1, 1)
    assert "came when no month could bill it any more" in capsys.readouterr().out
    tools.close()


def test_price_books_that_cannot_be_read_keep_no_month_from_being_shown(site: Site, home: Path) -> None:
    (home / "prices" / "usd.toml").write_text("no price book")
    assert late_usage(site.tools, MONTH) == LateUsage(0, 0)  # nothing was read since, so nobody needs them
    site.land(3, BEGAN + timedelta(days=1))
    site.bring_in()
    answer = month_status(site.tools, MONTH)
    show_overview(answer)
    assert (answer.late, overview_data(answer)["late_usage"]) == (None, None)


def test_a_month_of_before_the_first_is_told(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    said = "2019-03 is before 2025-10, the first month that was closed here."
    show_overview(month_status(site.tools, Month(2019, 3)))
    assert said in capsys.readouterr().out.splitlines()
    show_overview(month_status(site.tools, MONTH.next()))
    assert "the first month" not in capsys.readouterr().out


def test_usage_of_before_the_first_month_that_was_closed_is_told(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(first_month: str = "2020-01", month: Month = MONTH) -> tuple[list[str], object]:
        strict = site.tools.settings.model_copy(update={"first_month": first_month})
        answer = month_status(replace(site.tools, settings=strict), month)
        show_overview(answer)
        lines = capsys.readouterr().out.splitlines()
        return [line for line in lines if line.startswith("not billed")], overview_data(answer)["usage_before"]

    assert told() == ([], None)
    site.land(3, BEGAN, day="2025-09-30")
    site.bring_in()
    never = "is before 2025-10, the first month that was closed here; what bills it:"
    one = f"not billed: usage of 2025-09 {never} `flybill close 2025-09`"
    assert told() == ([one], {"oldest": "2025-09", "newest": "2025-09"})
    site.land(4, BEGAN, day="2025-06-01")
    site.bring_in()
    several = f"not billed: usage of 2025-06 to 2025-09 {never} `flybill close 2025-06 --through 2025-09`"
    assert told()[0] == [several]
    assert told(month=Month(2025, 9))[0] == []  # it says itself that it is before the first
    assert told("2025-08")[0] == [one]
    assert told("2025-10") == ([], None)
