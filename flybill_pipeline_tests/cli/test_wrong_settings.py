"""A wrong setting is refused before any work begins: in a sentence, with exit status 2, and nothing was started."""

from pathlib import Path

import pytest

from flybill_pipeline_tests.worlds.deployment import Flybill

WRONG = {
    "a live key without consent": ({"STRIPE_API_KEY": "sk_live_HUSH"}, "FLYBILL_STRIPE_LIVE=1"),
    "consent without a live key": ({"STRIPE_API_KEY": "sk_test_HUSH", "FLYBILL_STRIPE_LIVE": "1"}, "no live key"),
    "a key with a line break": ({"STRIPE_API_KEY": "sk_test_HUSH\n"}, "line break"),
    "no key for an address": ({"STRIPE_API_BASE": "http://127.0.0.1:9"}, "STRIPE_API_KEY is not set"),
    "a base that is none": ({"STRIPE_API_KEY": "sk_test_HUSH", "STRIPE_API_BASE": "nonsense"}, "STRIPE_API_BASE must"),
    "no price books": ({"FLYBILL_PRICES": "nowhere"}, "nowhere: is not there"),
    "no sources": ({"FLYBILL_SOURCES": "nowhere.toml"}, "nowhere.toml"),
    "a misspelt variable": ({"FLYBILL_PRICE": "x"}, "do you mean FLYBILL_PRICES"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_setting_is_refused_before_any_work_begins(tmp_path: Path, wrong: str) -> None:
    variables, says = WRONG[wrong]
    flybill = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home"), **variables})
    ran = flybill("close", "2026-10")
    assert (ran.status, ran.out) == (2, "")
    assert says in ran.err
    assert "HUSH" not in ran.err
    assert not (tmp_path / "home").exists()
