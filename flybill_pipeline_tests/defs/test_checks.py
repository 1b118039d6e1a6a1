"""The asset checks fail when they should: a month is closed for real, then tampered with behind flybill's back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.jobs import CLOSE_MONTH, VERIFY_MONTH
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.sync.month_checks import MonthChecks
from flybill_pipeline_tests.stories.troubled_months import FIRST, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators

MONTH = FIRST
SHARD = f"{FIRST}|00"
DISK_PRICE = '[[prices]]\nmeter = "disk"\nmodel = "per_unit"\nunit_amount = 0.001\n'


@pytest.fixture
def emulator(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


@pytest.fixture
def flybill(deploy: Deployments, emulator: EmulatorProcess) -> Iterator[Flybill]:
    """One organization, one shard, one closed month of $1.00."""
    with deploy(emulator, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": "acme", "name": "Acme", "currency": "usd"}])
        made.land("usage.jsonl", [event(1, "acme", 100, f"{FIRST}-05T00:00:00Z")])
        assert made("close", FIRST).status == 0
        assert all(passed for results in made.checks().values() for passed in results.values())
        yield made


def behind_the_guards(flybill: Flybill, statement: str) -> None:
    flybill.sql(f"set session_replication_role = replica; {statement}")


def test_each_check_fails_for_what_it_watches(flybill: Flybill, emulator: EmulatorProcess) -> None:
    # A line that holds less than was used leaves usage for which nobody accounts.
    behind_the_guards(flybill, "update flybill.line_items set usage_quantity = usage_quantity - 1")
    flybill("close", FIRST)
    assert flybill.checks()["stripe_reconciliation", "nothing_lost"] == {MONTH: False}
    with flybill.dagster() as instance:
        assert instance.get_runs_count(dg.RunsFilter(job_name=CLOSE_MONTH)) == 1, "its shard stands as it was closed"

    # Usage that comes after the month was closed is in no line yet, but it is due: nothing is lost.
    behind_the_guards(flybill, "update flybill.line_items set usage_quantity = usage_quantity + 1")
    flybill.land("late.jsonl", [event(2, "acme", 5, f"{FIRST}-06T00:00:00Z")])
    flybill("close", FIRST)
    checks = flybill.checks()
    assert checks["stripe_reconciliation", "nothing_lost"] == {MONTH: True}
    assert checks["stripe_reconciliation", "totals_match_stripe"] == {MONTH: True}

    # Somebody voids the invoice's row here, or changes its amount: Stripe's own list says otherwise.
    behind_the_guards(flybill, "update flybill.invoices set subtotal_minor = 90")
    closed = flybill("close", FIRST)
    checks = flybill.checks()
    assert closed.status == 1
    assert checks["stripe_reconciliation", "totals_match_stripe"] == {MONTH: False}
    assert checks["finalized_invoices", "lines_sum_to_invoice"] == {SHARD: False}
    assert emulator.report()["invoices"] == {"open": 1}

    # An invoice that never reached Stripe, whatever the reason.
    behind_the_guards(flybill, "update flybill.invoices set subtotal_minor = 100")
    flybill.sql("update flybill.stripe_sync set state = 'blocked', error_kind = 'invalid', error_code = 'planted'")
    closed = flybill("close", FIRST, "--json")
    checks = flybill.checks()
    assert closed.status == 1
    assert [failure["code"] for failure in closed.json()["failures"]] == ["planted"]
    assert checks["stripe_invoices", "every_org_billed"] == {SHARD: False}
    assert checks["finalized_invoices", "lines_sum_to_invoice"] == {SHARD: True}


def test_what_arrives_badly_is_told_and_stops_nothing(flybill: Flybill) -> None:
    assert flybill.checks()["landed_files", "quarantine_is_small"] == {"None": True}
    bad = [event(n, "acme", "not a number", f"{FIRST}-07T00:00:00Z") for n in range(3)]
    flybill.land("bad.jsonl", [*bad, event("good", "acme", 0, f"{FIRST}-05T00:00:00Z")])
    flybill.land("again.jsonl", [event(1, "acme", 999, f"{FIRST}-05T00:00:00Z")])  # another quantity for the same id
    assert flybill("close", FIRST).status == 0
    checks = flybill.checks()
    assert checks["landed_files", "quarantine_is_small"] == {"None": False}
    assert checks["raw_usage", "no_conflicting_ids"] == {f"{FIRST}-05": False}


def test_a_source_that_falls_silent_and_a_day_with_too_many_rows_are_told(flybill: Flybill) -> None:
    today = datetime.now(UTC).date()
    many = today - timedelta(days=6)
    rows = {today - timedelta(days=ago): 1 for ago in (9, 8, 7, 5, 3, 2)} | {many: 9}
    flybill.land(
        "daily.jsonl",
        [
            event(f"{day}/{n}", "acme", 1, f"{day}T00:00:00Z")
            for day, rows_of_day in rows.items()
            for n in range(rows_of_day)
        ],
    )
    flybill("close", FIRST)
    checks = flybill.checks()
    assert checks["landed_files", "no_source_is_silent"] == {"None": False}
    volume = checks["raw_usage", "volume_is_usual"]
    assert {day for day, passed in volume.items() if not passed} == {str(many)}
    assert len(volume) == len(rows) + 1

    flybill.land("gap.jsonl", [event("gap", "acme", 1, f"{today - timedelta(days=4)}T00:00:00Z")])
    flybill("close", FIRST)
    assert flybill.checks()["landed_files", "no_source_is_silent"] == {"None": True}


def test_an_invoice_that_cannot_be_made_again_is_told(flybill: Flybill) -> None:
    def verified() -> Any:
        with flybill.dagster() as instance:
            job = build_defs(load_settings()).resolve_job_def(VERIFY_MONTH)
            ran = job.execute_in_process(partition_key=MONTH, instance=instance)
        (evaluation,) = ran.get_asset_check_evaluations()
        assert evaluation.check_name == "priced_again_they_are_the_same"
        return evaluation

    assert verified().passed
    behind_the_guards(
        flybill, "update flybill.invoice_lines set quantity = quantity + 1, amount_minor = amount_minor + 1"
    )
    assert not verified().passed
    assert "acme" in str(verified().metadata)


def test_a_meter_without_a_price_is_told_before_anyone_is_held_for_it(flybill: Flybill) -> None:
    flybill.import_orgs([{"org_id": "bolt", "name": "Bolt", "currency": "usd"}])
    flybill.land("rockets.jsonl", [event("r1", "bolt", 7, f"{FIRST}-09T00:00:00Z", "rockets")])
    assert flybill("close", FIRST).status == 1
    assert flybill.checks()["monthly_line_items", "every_meter_priced"] == {SHARD: False}


def test_a_level_below_zero_is_told(flybill: Flybill) -> None:
    flybill.prices("usd.toml", f'{USD}[meters.disk]\naggregation = "time_weighted"\nunit = "GB-hour"\n{DISK_PRICE}')
    flybill.import_orgs([{"org_id": "bolt", "name": "Bolt", "currency": "usd"}])
    flybill.land("gone.jsonl", [event("d1", "bolt", -7, f"{FIRST}-09T00:00:00Z", "disk")])
    flybill("close", FIRST)
    assert flybill.checks()["monthly_line_items", "no_level_is_below_zero"] == {SHARD: False}


def test_an_invoice_that_has_waited_for_a_day_is_told(flybill: Flybill) -> None:
    flybill.sql("update flybill.stripe_sync set state = 'blocked', error_kind = 'invalid', error_code = 'planted'")
    flybill("close", FIRST)
    assert flybill.checks()["stripe_invoices", "no_invoice_waits_long"] == {SHARD: True}
    behind_the_guards(flybill, "update flybill.invoices set finalized_at = finalized_at - interval '25 hours'")
    flybill("close", FIRST)
    assert flybill.checks()["stripe_invoices", "no_invoice_waits_long"] == {SHARD: False}


def test_a_shard_that_comes_to_much_more_than_ever_is_told(flybill: Flybill) -> None:
    month = Month.parse(FIRST)
    for number in range(4):
        month = month.next()
        used = 100 if number < 3 else 100_000
        flybill.land(f"{month}.jsonl", [event(f"m{number}", "acme", used, f"{month}-05T00:00:00Z")])
        flybill("close", str(month))
    found = flybill.checks()["monthly_line_items", "revenue_is_usual"]
    assert [passed for _, passed in sorted(found.items())] == [True, True, True, True, False]


def test_a_shard_with_an_organization_that_came_after_its_close_is_told_until_it_is_closed_again(
    flybill: Flybill,
) -> None:
    flybill.import_orgs([{"org_id": "bolt", "name": "Bolt", "currency": "usd"}])
    flybill("close", FIRST, "--org", "acme")
    assert flybill.checks()["finalized_invoices", "every_org_has_an_outcome"] == {SHARD: False}
    flybill("close", FIRST)
    assert flybill.checks()["finalized_invoices", "every_org_has_an_outcome"] == {SHARD: True}


def test_an_org_without_an_outcome_is_found(flybill: Flybill) -> None:
    engine = open_engine(flybill.environment["FLYBILL_DATABASE_URL"])
    assert MonthChecks(engine).undecided(Month.parse(FIRST), 0) == []
    behind_the_guards(flybill, "delete from flybill.outcomes")
    assert MonthChecks(engine).undecided(Month.parse(FIRST), 0) == [{"org_id": "acme"}]
    engine.dispose()
