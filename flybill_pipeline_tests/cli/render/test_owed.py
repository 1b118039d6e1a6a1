"""What `flybill owes` says below the words of the statement, to an operator."""

import re
from types import SimpleNamespace
from typing import cast

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.lines import line_words
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.billing.words.working import step_words
from flybill_pipeline.cli.render.owed import _not_counted, _rows, show_owed
from flybill_pipeline.languages.chosen import language
from flybill_pipeline.questions.owed import Owed
from flybill_pipeline_tests.exports.statements import by_app, line, owed

NOT_ADDED = (
    "was read and is not added up yet, so it is not counted here: within a minute `flybill up` adds it, "
    "or `flybill close` does."
)


@pytest.mark.parametrize(
    ("files", "days", "says"),
    [
        (1, 0, "1 landed file is not read yet, so what is in it is not counted here: `flybill close` reads it."),
        (2, 0, "2 landed files are not read yet, so what is in them is not counted here: `flybill close` reads them."),
        (0, 1, f"usage of 1 day {NOT_ADDED}"),
        (0, 2, f"usage of 2 days {NOT_ADDED}"),
    ],
)
def test_what_waits_is_told_one_or_many(files: int, days: int, says: str) -> None:
    waiting = SimpleNamespace(files_unread=files, days_unrecorded=days, events_waiting=0, first=None, tables_behind={})
    assert [*_not_counted(cast(Owed, waiting))] == [says]


def test_a_month_of_before_the_first_close_is_called_so() -> None:
    early = SimpleNamespace(
        files_unread=0,
        days_unrecorded=0,
        events_waiting=0,
        tables_behind={},
        first=Month.parse("2026-10"),
        facts=SimpleNamespace(month=Month.parse("2026-09")),
    )
    told = "2026-09 is before 2026-10, the first month that was closed here."
    assert [*_not_counted(cast(Owed, early))] == [told]


def test_a_bill_is_told_by_app_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_owed(owed([by_app(400), by_app(100), line(50)]))
    told = " ".join(capsys.readouterr().out.split())
    assert "By app: web $3.75, worker $1.25, without app $0.50 By region: iad $5.00, without region $0.50" in told


def test_a_line_that_is_billed_ahead_says_its_month_as_a_late_one_does() -> None:
    october, november = Month.parse("2026-10"), Month.parse("2026-11")
    this = SimpleNamespace(description="Plan", amount_minor=3000, currency="usd", portions=(), service_month=october)
    lines = [this, SimpleNamespace(**{**vars(this), "service_month": november})]
    shown = [row for each in lines for row in _rows(cast(LineItem, each), {}, october, ENGLISH)]
    assert shown == [("Plan", "$30.00"), ("Plan (2026-11)", "$30.00")]


def test_lines_are_told_as_their_reader_has_them_with_the_steps_that_say_their_price(
    capsys: pytest.CaptureFixture[str],
) -> None:
    of = owed([by_app(400), line(50)])
    show_owed(of, language("de"))
    told = capsys.readouterr().out
    for each in of.lines:
        for sentence in (line_words(each), *(step_words(step, each.currency) for step in each.working)):
            assert say(language("de"), sentence) in told
    assert "@" not in told and "$" in told and not re.search(r"\$\d", told)
