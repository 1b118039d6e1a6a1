"""What is said of a running sync: calls left, pace, finish, and whether it is still alive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.progress import CallsLeft, Pulse, progress, progress_sentence, seconds_left

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
LEFT = CallsLeft(customers=0, creates=1200, lines=1400, finalizes=1300)
RUN = Pulse("a", Month(2026, 10), 0, NOW - timedelta(minutes=5), NOW, 900, 2, 1800, 1440, 5760)
NOTHING = CallsLeft(0, 0, 0, 0)


def test_the_finish_follows_from_the_measured_pace() -> None:
    found = progress([RUN], LEFT, NOW)
    assert found.finish == NOW + timedelta(seconds=130)  # 3,900 calls at 30 a second
    assert progress_sentence(found, NOW) == (
        "syncing: 900 calls to Stripe made, 3,900 left, 30.0 a second (limit 72.0), 2 refused by the rate limit; "
        "done at about 12:02:10 UTC, in 3 min"
    )


def test_organizations_that_are_not_finalized_yet_are_said_to_be_missing_from_it() -> None:
    said = progress_sentence(progress([RUN], LEFT, NOW, unsettled=15_000), NOW)
    assert "3,900 left" in said
    assert said.endswith("in 3 min; not counted yet: 15,000 organizations whose month is still to be finalized")


def test_it_is_never_sooner_than_the_limits_allow() -> None:
    assert seconds_left(LEFT, 1_000_000, 1440, 5760) == 59  # 1,400 calls to one endpoint at 24 a second
    assert seconds_left(LEFT, 1_000_000, 1440, 1440) == 163  # 3,900 calls in all at 24 a second
    assert seconds_left(LEFT, 0, 1440, 5760) is None


def test_runs_at_once_add_up_and_share_one_limit() -> None:
    half = replace(RUN, calls_per_minute=900)
    found = progress([half, replace(half, run_id="b")], LEFT, NOW)
    assert (found.running, found.calls_per_minute, found.limit_per_minute) == (2, 1800, 4320)
    assert found.finish == NOW + timedelta(seconds=130)


def test_while_a_close_goes_from_shard_to_shard_the_pace_is_that_of_the_last_ones() -> None:
    before = replace(RUN, run_id="b", started_at=NOW - timedelta(minutes=2), ended_at=NOW - timedelta(minutes=1))
    begun = replace(RUN, started_at=NOW - timedelta(seconds=1), calls=0, calls_per_minute=0)
    old = replace(before, run_id="c", started_at=NOW - timedelta(hours=2), beat_at=NOW - timedelta(hours=1))
    found = progress([old, before, begun], LEFT, NOW)
    assert (found.running, found.calls_per_minute) == (1, 450)
    assert found.finish == NOW + timedelta(seconds=520)


def test_a_run_that_fell_silent_is_said_to_have_stopped() -> None:
    silent = replace(RUN, beat_at=NOW - timedelta(seconds=11))
    found = progress([silent], LEFT, NOW)
    assert (found.running, found.finish, found.stopped_at) == (0, None, silent.beat_at)
    assert (
        "stopped at 2026-11-03 11:59:49 UTC without ending: 900 calls to Stripe made, 3,900 left"
        in progress_sentence(found, NOW)
    )
    assert progress([silent], NOTHING, NOW).stopped_at is None
    assert progress([silent, replace(RUN, run_id="b")], LEFT, NOW).stopped_at is None


def test_between_two_runs_it_is_said_what_is_left_and_at_the_end_nothing() -> None:
    ended = replace(RUN, ended_at=NOW)
    said = progress_sentence(progress([ended], LEFT, NOW), NOW)
    assert said == "sync is not running: 900 calls to Stripe made, 3,900 left"
    assert progress_sentence(progress([ended], NOTHING, NOW), NOW) == ""


def test_a_heartbeat_from_the_future_is_not_alive_for_ever() -> None:
    ahead = replace(RUN, started_at=NOW + timedelta(days=365), beat_at=NOW + timedelta(days=365))
    found = progress([ahead], LEFT, NOW)
    assert (found.running, found.stopped_at, found.calls_per_minute) == (0, None, 0)
    dead = replace(RUN, run_id="b", beat_at=NOW - timedelta(minutes=1))
    assert progress([ahead, dead], LEFT, NOW).stopped_at == dead.beat_at
    assert progress([ahead, RUN], LEFT, NOW).running == 1
