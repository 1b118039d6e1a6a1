"""`close` killed with SIGKILL in the middle, at one moment after the other, then run again; and two of them at once."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from flybill_pipeline_tests.stories.troubled_months import FIRST, SECOND, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators
from flybill_pipeline_tests.worlds.waiting import wait_until

ORGS = 24
FILES = 8
THIRD = "2025-11"
SLOWLY = {"FLYBILL_STRIPE_RATE": "15"}  # so that the sync takes seconds


@pytest.fixture(scope="module")
def emulator(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulator: EmulatorProcess) -> Iterator[Flybill]:
    """Three months of usage for some organizations, each with an amount of its own; nothing is read yet."""
    with deploy(emulator) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": f"org{n}", "name": f"Org {n}", "currency": "usd"} for n in range(ORGS)])
        for number in range(FILES):
            made.land(
                f"part{number}.jsonl",
                [
                    event(f"{month}-{number}-{org}", f"org{org}", 100 + org, f"{month}-{1 + number % 2:02d}T01:00:00Z")
                    for month in (FIRST, SECOND, THIRD)
                    for org in range(ORGS)
                ],
            )
        yield made


def total_minor() -> int:
    """What a month comes to: one cent a second."""
    return sum(FILES * (100 + org) for org in range(ORGS))


def kill_when(flybill: Flybill, happened: Callable[[], bool]) -> None:
    """Starts closing the first month, and kills the process and its children as soon as something has happened."""
    closing = flybill.copy("close", FIRST, **SLOWLY)
    deadline = time.monotonic() + 60
    while not happened() and closing.is_running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert closing.is_running(), f"close ended before it could be killed: {closing.ended()}"
    os.killpg(closing.pid, signal.SIGKILL)
    closing.ended()


def count(flybill: Flybill, what: str) -> int:
    (row,) = flybill.sql(f"select count(*) from flybill.{what}")
    return int(row[0])


def test_close_can_be_killed_anywhere_and_run_again(flybill: Flybill, emulator: EmulatorProcess) -> None:
    moments: dict[str, Callable[[], bool]] = {
        "reading files": lambda: 0 < count(flybill, "landed_files where state = 'taken'") < FILES,
        "recording days": lambda: count(flybill, "usage_days where daily_path is not null") > 0,
        "pricing": lambda: count(flybill, "drafts") > 0,
        "syncing the first shard": lambda: emulator.report()["requests"].get("finalize_invoice", 0) >= 3,
        "syncing the second shard": lambda: count(flybill, "outcomes") == ORGS,
    }
    for happened in moments.values():
        kill_when(flybill, happened)
    closed = flybill.run("close", FIRST, "--json")

    assert closed.status == 0, closed.err
    assert "leaked" not in closed.err  # as DuckDB says of what is still frozen at the end
    status = closed.json()
    assert status["outcomes"] == {"invoiced": ORGS}
    assert status["sync"] == {"finalized": ORGS}
    assert status["totals"] == {"usd": {"invoiced_minor": total_minor(), "synced_minor": total_minor()}}
    report = emulator.report()
    assert report["violations"] == []
    assert report["invoices"] == {"open": ORGS}
    assert report["customers"] == ORGS
    assert report["lines"] == ORGS
    numbers = flybill.sql("select number from flybill.invoices where month = :m order by number", m=FIRST)
    assert [number for (number,) in numbers] == [f"FB-{FIRST}-{n:06d}" for n in range(1, ORGS + 1)]
    events = flybill.sql("select sum(rows)::int, sum(duplicates)::int, sum(conflicts)::int from flybill.usage_days")
    assert events == [(3 * FILES * ORGS, 0, 0)]
    assert flybill.checks()["stripe_reconciliation", "nothing_lost"] == {FIRST: True}


def test_two_closes_at_once_bill_everybody_once(flybill: Flybill, emulator: EmulatorProcess) -> None:
    before = emulator.report()["invoices"].get("open", 0)
    both = [flybill.copy("close", SECOND, "--json"), flybill.copy("close", SECOND, "--json")]
    for status, said in [closing.ended() for closing in both]:
        assert status == 0, said
    report = emulator.report()
    assert report["violations"] == []
    assert report["invoices"] == {"open": before + ORGS}
    status = flybill("status", SECOND, "--json").json()
    assert status["totals"] == {"usd": {"invoiced_minor": total_minor(), "synced_minor": total_minor()}}
    assert status["outcomes"] == {"invoiced": ORGS}


def test_a_close_does_not_wait_for_one_that_was_killed_meanwhile(flybill: Flybill, emulator: EmulatorProcess) -> None:
    before = emulator.report()["requests"].get("finalize_invoice", 0)
    syncing = flybill.copy("close", THIRD, FLYBILL_STRIPE_RATE="1")
    wait_until(lambda: emulator.report()["requests"].get("finalize_invoice", 0) > before)
    waiting = flybill.copy("close", THIRD)
    with flybill.dagster() as instance:
        wait_until(lambda: instance.event_log_storage.get_concurrency_info("stripe").pending_step_count > 0)
    os.killpg(syncing.pid, signal.SIGKILL)
    syncing.ended()
    ended, said = waiting.ended()

    assert ended == 0, said
    status = flybill("status", THIRD, "--json").json()
    assert status["sync"] == {"finalized": ORGS}
    assert emulator.report()["violations"] == []
