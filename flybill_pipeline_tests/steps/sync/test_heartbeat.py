"""The heartbeat of real runs: what stands in the database while one is at work, and after it was killed."""

from datetime import timedelta

from sqlalchemy import insert, select

from flybill_pipeline.billing.sync.progress import CallsLeft, Pulse
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.sync_invoices import sync_invoices
from flybill_pipeline.stores.invoicing.tables import outcomes
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.runs import SyncRuns
from flybill_pipeline.stores.sync.tables import stripe_sync_runs
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World


def test_the_calls_left_are_those_that_the_sync_will_make(world: World) -> None:
    for first, lines in enumerate((3, 101, 900)):
        plant(world.engine, 1, lines=lines, first=first)
    left = SyncRuns(world.engine).progress(MONTH, world.now()).left
    assert left == CallsLeft(customers=3, creates=3, lines=1 + 2 + 3, finalizes=3)
    report = world.sync()
    assert report.calls == 3 + 3 + 4 + 3  # 900 lines were rolled up into 7
    assert SyncRuns(world.engine).progress(MONTH, world.now()).left.total == 0


def test_what_was_done_already_is_not_left(world: World) -> None:
    plant(world.engine, 1)
    world.emulator.faults([{"match": {"endpoint": "add_lines", "times": 99}, "fault": "http_503"}])
    world.sync(patience=1)
    assert SyncRuns(world.engine).progress(MONTH, world.now()).left == CallsLeft(0, 0, lines=1, finalizes=1)


def test_organizations_without_an_outcome_of_the_month_are_still_to_come(world: World) -> None:
    plant(world.engine, 3)
    decided = {"shard": 0, "total_minor": 303, "currency": "usd", "decided_at": world.now()}
    with world.engine.begin() as connection:
        rows = [
            {"month": str(MONTH), "org_id": "org00000", "outcome": "invoiced", **decided},
            {"month": str(MONTH.previous()), "org_id": "org00001", "outcome": "invoiced", **decided},
        ]
        connection.execute(insert(outcomes), rows)
    runs = SyncRuns(world.engine)
    assert runs.progress(MONTH, world.now()).unsettled == 2
    assert runs.progress(MONTH, world.now(), shard=0).unsettled == 0
    assert runs.progress(MONTH, world.now(), org_ids=["org00000", "org00001"]).unsettled == 1


def test_a_run_beats_while_it_lasts_and_ends(world: World) -> None:
    plant(world.engine, 40)
    seen = []
    gateway = Gateway("sk_test_slow", base=world.emulator.url, limiter=Limiter(24, 60))
    with SyncLedger(world.engine) as ledger:
        beat = ledger.runs.beat

        def noticed(pulse):  # type: ignore[no-untyped-def]
            seen.append(ledger.runs.progress(MONTH, pulse.beat_at))
            return beat(pulse)

        ledger.runs.beat = noticed  # type: ignore[method-assign]
        sync_invoices(SyncScope(MONTH), ledger=ledger, stripe=gateway, options=RunOptions(pace=gateway.pace))
    middle = next(each for each in reversed(seen) if 0 < each.left.total < 160)
    assert (middle.running, middle.limit_per_minute) == (1, 3600)
    assert 0 < middle.calls_per_minute <= 4000  # measured over whole calls of a second or so
    assert middle.finish is not None
    with world.engine.connect() as connection:
        row = connection.execute(select(stripe_sync_runs)).one()
    assert (row.calls, row.rate_limited, row.ended_at is None) == (160, 0, False)


def test_a_run_that_was_killed_is_found_silent(world: World) -> None:
    plant(world.engine, 2)
    world.sync(scope=SyncScope(MONTH, None, ["org00000"]))
    runs = SyncRuns(world.engine)
    with world.engine.begin() as connection:  # what kill -9 leaves behind
        connection.execute(stripe_sync_runs.update().values(ended_at=None))
    later = world.now() + timedelta(minutes=1)
    found = runs.progress(MONTH, later)
    assert found.stopped_at is not None
    assert found.stopped_at < later
    assert found.running == 0


def test_a_run_that_died_under_a_clock_that_was_ahead_is_not_alive_for_ever(world: World) -> None:
    runs = SyncRuns(world.engine)
    now = world.now()
    runs.beat(Pulse("dead", MONTH, None, now + timedelta(days=9), now + timedelta(days=9), 1, 0, 60, 60, 60))
    runs.beat(Pulse("alive", MONTH, None, now, now, 1, 0, 60, 60, 60))
    assert runs.progress(MONTH, now).running == 1
