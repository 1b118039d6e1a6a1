"""What does not count, as `flybill quarantine`, `status` and `close` tell it: one as one, many as many."""

from datetime import date

import pytest

from flybill_pipeline.cli.render.rejected_usage import show_count, show_rejected, too_long_ago
from flybill_pipeline.questions.rejected_usage import RejectedUsage


def test_one_row_repeats_and_two_repeat(capsys: pytest.CaptureFixture[str]) -> None:
    show_count(RejectedUsage((), unread=0, bad_rows=0, repeats=1, conflicts=0))
    show_count(RejectedUsage((), unread=0, bad_rows=0, repeats=2, conflicts=0))
    assert capsys.readouterr().out.splitlines() == [
        "usage that counts once: 1 row repeats what another row says",
        "usage that counts once: 2 rows repeat what another row says",
    ]


def test_days_that_were_read_and_are_not_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    show_count(RejectedUsage((), 0, 0, 0, 0, unrecorded=[date(2026, 10, 5)]))
    waits = "usage of 1 day was read and is not added up yet; the sensors or the next close do it\n"
    assert capsys.readouterr().out == f"usage that does not count yet: {waits}"


@pytest.mark.parametrize(
    ("unread", "says"),
    [
        (1, "1 of the landed files is not read yet; the next close reads it."),
        (2, "2 of the landed files are not read yet; the next close reads them."),
    ],
)
def test_files_that_wait(capsys: pytest.CaptureFixture[str], unread: int, says: str) -> None:
    show_rejected(RejectedUsage((), unread=unread, bad_rows=0, repeats=0, conflicts=0))
    assert capsys.readouterr().out.splitlines()[0] == says


def test_nobody_is_told_to_look_back_further_than_the_setting_can_say() -> None:
    assert "let it be 24 for the next close, and nothing of this is too old" in too_long_ago(24)
    for months in (25, 70):
        assert "let it be 24 for the next close. What is older" in too_long_ago(months)
