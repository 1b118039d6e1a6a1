"""A month that nobody closed is told: by a check, by an alert, and wherever one asks for another month."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render.month_status import overview_data, show_overview
from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.questions.month_status import month_status
from flybill_pipeline.steps.alerts.find_problems import find_problems
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.stores.billing_world import BillingWorld

JUL, AUG, SEP = (Month(2025, number) for number in (7, 8, 9))
[CHECK] = [check for check in CHECKS if check.name == "months_are_closed"]


def close(world: BillingWorld, *months: Month) -> None:
    for month in months:
        world.draft({"acme": 500, "bolt": 700}, month)
        world.finalize(month)


def passed(tools: Toolbox, month: Month) -> bool:
    assert CHECK.look is not None
    return CHECK.look(tools, month).passed


def test_the_check_of_it_and_of_later_months_is_red_until_it_is_closed(tools: Toolbox, world: BillingWorld) -> None:
    close(world, JUL, SEP)
    assert [passed(tools, month) for month in (JUL, AUG, SEP)] == [True, False, False]
    close(world, AUG)
    assert [passed(tools, month) for month in (JUL, AUG, SEP)] == [True, True, True]


def test_people_are_told_of_it(tools: Toolbox, world: BillingWorld) -> None:
    close(world, JUL, SEP)
    problems = find_problems(tools.troubles, tools.usage_health, tools.overdue_months(), None, tools.now())
    [told] = [each for each in problems if each.key.startswith("not_closed/")]
    assert (told.key, told.title, told.who, told.urgent) == (
        "not_closed/2025-08",
        "2025-08 is not closed",
        "2 organizations",
        True,
    )
    assert "flybill close 2025-08" in told.remedy


def test_who_asks_for_another_month_reads_it_in_one_line(
    tools: Toolbox, world: BillingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    close(world, JUL, SEP)
    for month, lines in ((SEP, 1), (JUL, 1), (AUG, 0)):
        answer = month_status(tools, month)
        show_overview(answer)
        told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("not closed:")]
        assert (
            told == ["not closed: 2025-08 (2 organizations); close the oldest first: `flybill close 2025-08`"] * lines
        )
        assert overview_data(answer)["months_not_closed"] == [{"month": "2025-08", "organizations": 2}] * lines


def test_several_are_closed_by_one_command(
    tools: Toolbox, world: BillingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    close(world, Month(2025, 6), SEP)
    show_overview(month_status(tools, SEP))
    [told] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("not closed:")]
    assert told.endswith("(2 organizations); close the oldest first: `flybill close 2025-07 --through 2025-08`")


def test_a_month_is_not_late_before_its_closing_day_is_over(tools: Toolbox, world: BillingWorld) -> None:
    close(world, AUG, SEP)
    assert tools.overdue_months() == {}  # October has ended, and it is the 2nd
    later = replace(tools, now=lambda: tools.now() + timedelta(days=2))
    assert {str(month) for month in later.overdue_months()} == {"2025-10"}
    later.close()
