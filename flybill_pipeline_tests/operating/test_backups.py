"""A backup restored into a new deployment bills on as if nothing had happened, and never the same thing twice."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from flybill_pipeline.local import postgres_programs
from flybill_pipeline.operating import backups
from flybill_pipeline.settings import load_settings
from flybill_pipeline_tests.stories.troubled_months import FIRST, SECOND, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators

THIRD = "2025-11"
ORGS = [f"org{n}" for n in range(6)]
LATE_ORG = "newcomer"
CREDIT = (ORGS[0], FIRST, "--line", "1", "--amount", "0.25", "--reason", "slow disks", "--by", "ada")
A_DAY_AND_MORE = 30 * 3600
"""Seconds after which Stripe has forgotten every idempotency key."""


def org_row(org: str) -> dict[str, str]:
    return {"org_id": org, "name": org.title(), "currency": "usd"}


def land(flybill: Flybill, month: str, orgs: list[str]) -> None:
    events = [event(f"{month}-{org}", org, 100 + n, f"{month}-10T00:00:00Z") for n, org in enumerate(orgs)]
    assert flybill.land(f"{month}-{len(orgs)}.jsonl", events).status == 0


def half_close(flybill: Flybill, emulator: EmulatorProcess) -> None:
    """Finalizes the second month here, and stops in the middle of its way to Stripe."""
    emulator.faults(
        [{"match": {"endpoint": call}, "fault": "unauthorized"} for call in ("create_customer", "add_lines")]
    )
    assert flybill("close", SECOND).status == 1
    emulator.clear_faults()
    for table in ("stripe_sync", "stripe_customers"):
        assert dict(flybill.sql(f"select state, count(*) from flybill.{table} group by state"))["new"] > 0


def assert_a_full_disk_leaves_nothing(flybill: Flybill, step: str, *command: str) -> None:
    """The command says so, and does its work when it is typed again: see the story."""
    holder = postgres_programs if step == "dump" else backups
    done = getattr(holder, step)

    def full_after_this(*arguments: Any) -> None:
        done(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(holder, step, full_after_this):
        ran = flybill(*command)
    assert ran.status == 1
    assert "No space left on device" in ran.err
    assert "run the same command again" in ran.err


def since_the_backup(flybill: Flybill) -> None:
    """What happens after the backup, and has to be done again after the restore: a new org, its usage, the close."""
    flybill.import_orgs([org_row(LATE_ORG)])
    land(flybill, SECOND, [LATE_ORG])
    assert flybill("close", SECOND).status == 0
    assert flybill("credit", *CREDIT).status == 0


@dataclass(frozen=True)
class Story:
    """A deployment that was lost after a backup, and the new one."""

    emulator: EmulatorProcess
    status_at_backup: Any
    stripe_when_lost: dict[str, Any]
    restored: Flybill
    backup: Path


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, deploy: Deployments, emulators: Emulators) -> Iterator[Story]:
    backup = tmp_path_factory.mktemp("backups") / "backup"
    with emulators.lent() as emulator:
        with deploy(emulator) as lost:
            lost.prices("usd.toml", USD)
            lost.import_orgs([org_row(org) for org in ORGS])
            land(lost, FIRST, ORGS[:3])  # the others have no customer at Stripe yet
            land(lost, SECOND, ORGS)
            assert lost("close", FIRST).status == 0
            half_close(lost, emulator)
            status = lost("status", FIRST, "--json").json()
            for half_way in ("dump", "_copy"):
                assert_a_full_disk_leaves_nothing(lost, half_way, "backup", str(backup))
                assert list(backup.iterdir()) == []
            assert lost("backup", str(backup)).status == 0
            since_the_backup(lost)
        emulator.advance(A_DAY_AND_MORE)
        with deploy(emulator, blank=True) as new:
            new.prices("usd.toml", USD)
            assert_a_full_disk_leaves_nothing(new, "record_restore", "restore", str(backup))
            ran = new("restore", str(backup))
            assert ran.status == 0, ran.err
            yield Story(emulator, status, emulator.report(), new, backup)


def test_what_was_billed_is_there_and_holds(story: Story) -> None:
    assert story.restored("status", FIRST, "--json").json() == story.status_at_backup
    assert story.restored("verify", FIRST).status == 0


def test_closing_again_what_was_closed_since_sends_nothing_twice(story: Story) -> None:
    since_the_backup(story.restored)
    report = story.emulator.report()
    assert report["violations"] == []
    assert report["customers"] == story.stripe_when_lost["customers"] == len(ORGS) + 1
    assert report["invoices"] == story.stripe_when_lost["invoices"]
    for call in ("create_customer", "create_invoice", "add_lines", "finalize_invoice", "create_credit_note"):
        assert report["requests"][call] == story.stripe_when_lost["requests"][call]
    assert story.restored("verify", SECOND).status == 0


def test_the_next_month_is_billed(story: Story) -> None:
    land(story.restored, THIRD, [*ORGS, LATE_ORG])
    before = story.emulator.report()["requests"]["create_invoice"]
    assert story.restored("close", THIRD).status == 0
    report = story.emulator.report()
    assert report["violations"] == []
    assert report["requests"]["create_invoice"] == before + len(ORGS) + 1


def test_a_backup_is_restored_into_a_new_deployment_only(story: Story) -> None:
    ran = story.restored("restore", str(story.backup))
    assert ran.status == 2
    assert "not empty" in ran.err


def test_a_folder_that_is_no_whole_backup_is_refused(story: Story, tmp_path: Path) -> None:
    (tmp_path / "billing.dump").touch()
    assert "backup.json" in story.restored("restore", str(tmp_path)).err
    assert "not empty" in story.restored("backup", str(tmp_path)).err


def test_a_lake_that_was_copied_is_not_left_out_for_a_bucket_nor_one_missed_that_was_in_one(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    for folder in ("lake", "landing"):
        (backup / folder).mkdir(parents=True)
    (backup / backups.MANIFEST).write_text('{"taken_at": "2026-11-01T00:00:00+00:00"}')
    here = load_settings({"FLYBILL_HOME": str(tmp_path / "home")})
    in_bucket = here.model_copy(update={"lake_url": "s3://zone/lake"})
    with pytest.raises(backups.BackupError, match=r"backup/lake would not be restored: FLYBILL_LAKE_URL names s3:"):
        backups.restore(in_bucket, backup, datetime.now(UTC))
    (backup / "lake").rmdir()
    with pytest.raises(backups.BackupError, match=r"backup has no lake: it was in a bucket.*in FLYBILL_LAKE_URL$"):
        backups.restore(here, backup, datetime.now(UTC))


def test_a_restore_by_other_means_is_told(story: Story) -> None:
    assert story.restored("restored", "--as-of", "2026-01-01T00:00:00").status == 2
    assert story.restored("restored", "--as-of", "2026-01-01T00:00:00Z").status == 0
    noted = story.restored.sql("select to_char(backup_taken_at at time zone 'UTC', 'YYYY-MM-DD') from flybill.restores")
    assert ("2026-01-01",) in noted
