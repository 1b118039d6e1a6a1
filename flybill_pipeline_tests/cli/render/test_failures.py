"""Who is not done is told, and several together where the words are the same: one missing book holds everybody."""

from dataclasses import replace

import pytest

from flybill_pipeline.cli.render.month_status import show_bills
from flybill_pipeline.stores.payments.statements import FailedOrgMonth, MonthStatus
from flybill_pipeline_tests.cli.render.hostile import hostile

HELD = FailedOrgMonth("", "finalize", "no_price_book", "No price book is in force.", "Add one.", "It waits.", 0, None)


def told(capsys: pytest.CaptureFixture[str], *failures: FailedOrgMonth) -> list[str]:
    show_bills(replace(hostile(MonthStatus), credit_notes=(), failures=failures))
    lines = capsys.readouterr().out.splitlines()
    return [line.strip() for line in lines if "(finalize" in line or line.strip().startswith(("what", "…"))]


def test_several_with_the_same_trouble_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    same = [replace(HELD, org_id=f"org-{number:02}") for number in range(73)]
    other = replace(HELD, org_id="bolt", code="unpriced_meter", message="A meter has no price.")
    words = ["what happened: No price book is in force.", "what to do:    Add one."]
    assert told(capsys, same[0], other, *same[1:]) == [
        "org-00, org-01, org-02, org-03, org-04 and 68 more (finalize: no_price_book)",
        *words,
        "bolt (finalize: unpriced_meter)",
        "what happened: A meter has no price.",
        words[1],
    ]
    assert told(capsys, *same[:2])[0] == "org-00, org-01 (finalize: no_price_book)"


def test_of_many_different_troubles_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    each = [replace(HELD, org_id=f"org-{number:02}", message=f"{number} units lack a price.") for number in range(25)]
    *_, last = told(capsys, *each, replace(each[24], org_id="bolt"))
    assert last == "… and 6 more: `flybill status MONTH --json` lists all of them"
