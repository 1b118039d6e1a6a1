"""How `status` tells of a month that cannot be closed yet."""

from datetime import UTC, datetime

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render.month_open import show_running


@pytest.mark.parametrize(
    ("month", "says"),
    [
        ("2030-01", "2030-01 has not begun: nobody owes anything for it yet.\n"),
        ("2026-10", "2026-10 runs until 2026-10-31, midnight UTC: nothing of it is final yet.\n"),
        ("2026-09", ""),
    ],
)
def test_a_month_that_runs_or_has_not_begun(capsys: pytest.CaptureFixture[str], month: str, says: str) -> None:
    show_running(Month.parse(month), datetime(2026, 10, 5, tzinfo=UTC))
    assert capsys.readouterr().out == says
