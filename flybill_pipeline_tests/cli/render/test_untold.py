"""Which changes of organizations Stripe does not have, as `flybill status` shows and writes them."""

from datetime import UTC, datetime

import pytest

from flybill_pipeline.billing.sync.untold import Untold
from flybill_pipeline.cli.render.untold import show_untold, untold_data

WAITS = [Untold(f"org-{n:02d}", ["email", "name"]) for n in range(22)]
FAILED = Untold("org-a", ["tax_id"], "tax_id_invalid", "Not one.", "Correct it.", datetime(2026, 11, 3, tzinfo=UTC))


def test_nothing_is_said_where_nothing_waits(capsys: pytest.CaptureFixture[str]) -> None:
    show_untold([])
    assert capsys.readouterr().out == ""


def test_who_waits_is_named_with_what_and_who_failed_with_why(capsys: pytest.CaptureFixture[str]) -> None:
    show_untold([FAILED, *WAITS])
    told = " ".join(capsys.readouterr().out.split())
    assert "org-a (not told to Stripe: tax id; tax_id_invalid)" in told
    assert "what happened: Not one." in told
    assert "next attempt: 2026-11-03 00:00:00 UTC" in told
    assert "what changed of 22 organizations: org-00 (name, email), org-01" in told
    assert told.endswith("org-19 (name, email), 2 more")


def test_the_json_has_all_of_them() -> None:
    data = untold_data([FAILED, *WAITS])
    assert len(data) == 23
    assert data[0] == {
        "org_id": "org-a",
        "fields": ["tax_id"],
        "code": "tax_id_invalid",
        "message": "Not one.",
        "remedy": "Correct it.",
        "next_attempt_at": "2026-11-03T00:00:00+00:00",
    }
