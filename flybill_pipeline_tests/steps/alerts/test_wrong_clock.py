"""A clock that is not Stripe's is told to people, in a sentence, where they look and by an alert."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from flybill_pipeline.billing.sync.clocks import ClockReading
from flybill_pipeline.cli.render.sync_progress import show_sync, sync_data
from flybill_pipeline.questions.sync_progress import SyncNow, sync_progress
from flybill_pipeline.steps.alerts.find_problems import find_problems
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
NO_TROUBLES: Any = SimpleNamespace(held=list, blocked=list, waiting=lambda _: [])
NOTHING_CAME: Any = SimpleNamespace(quarantined=lambda _: [], broken=list, rows_by_day=lambda *_: {})


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=2), "2 min ahead of Stripe's"),
        (timedelta(hours=-3, minutes=-5), "3 h 5 min behind Stripe's"),
        (timedelta(days=3), "3 d 0 h ahead of Stripe's"),
    ],
)
def test_it_is_an_alert(ahead: timedelta, words: str) -> None:
    [problem] = find_problems(NO_TROUBLES, NOTHING_CAME, {}, None, NOW, ClockReading(NOW, ahead))
    assert (problem.key, problem.urgent) == ("clock", True)
    assert words in problem.what
    assert find_problems(NO_TROUBLES, NOTHING_CAME, {}, None, NOW, ClockReading(NOW, ahead / 10000)) == []


@pytest.mark.parametrize("skew", [timedelta(minutes=70), timedelta(days=-2)], ids=str)
def test_status_says_it_after_a_sync(skew: timedelta, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    answer = synced(world, skew)
    show_sync(answer)
    shown = " ".join(capsys.readouterr().out.split())
    clock = sync_data(answer)["stripe_clock"]
    assert abs(clock["ahead_seconds"] - skew.total_seconds()) < 60
    assert (clock["wrong"], clock["message"] in shown, "NTP" in shown) == (True, True, True)


def test_a_right_clock_is_not_worth_a_word(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    answer = synced(world, timedelta(0))
    show_sync(answer)
    assert "clock" not in capsys.readouterr().out
    assert sync_data(answer)["stripe_clock"]["message"] is None


def synced(world: World, skew: timedelta) -> SyncNow:
    """What is on record after a sync under such a clock."""
    plant(world.engine, 1)
    world.skew = skew
    assert world.sync().complete
    with SyncLedger(world.engine) as ledger:
        tools: Any = SimpleNamespace(now=world.now, sync_ledger=ledger)
        return sync_progress(tools, MONTH)
