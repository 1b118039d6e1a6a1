"""A month is finalized only when all is in its drafts that had landed when its close began, and then it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.defs.sensors import sensors
from flybill_pipeline.steps.invoicing.finalize_invoices import UsageNotReadError
from flybill_pipeline.toolbox.closing import NOT_READ, finalize, repair
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.effort import examples
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

MONTH = Month(2025, 10)
BEGAN = datetime(2025, 11, 3, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def site(tools: Toolbox) -> Site:
    return at_site(tools)


def at_site(tools: Toolbox) -> Site:
    """An hour after its close began."""
    return Site(replace(tools, now=lambda: BEGAN + timedelta(hours=1)), MONTH, BEGAN)


def test_a_file_that_nobody_has_read_is_waited_for_and_named(site: Site) -> None:
    site.price()
    site.land(0, BEGAN - MINUTE)
    with pytest.raises(UsageNotReadError, match=r"2025-10 is not finalized: 1 landed file is not read yet \(usage/0"):
        site.finalize()
    site.bring_in()
    site.price()
    assert site.finalize().outcomes == {"invoiced": 1}
    assert site.billed() == {0}


@pytest.mark.parametrize("done", ["read", "record", "compile"])
def test_usage_that_is_not_yet_in_the_drafts_is_waited_for(site: Site, done: str) -> None:
    """Whether its day still waits to be recorded or summed, or the drafts are older than all that."""
    site.land(0, BEGAN - MINUTE)
    site.bring_in()
    site.price()
    site.land(1, BEGAN - MINUTE)
    for step in ("read", "record", "compile"):
        getattr(site, step)()
        if step == done:
            break
    with pytest.raises(UsageNotReadError, match=r"usage of 1 day is not in its drafts yet \(2025-10-05\)"):
        site.finalize()
    site.record()
    site.compile()
    site.price()
    assert site.finalize().outcomes == {"invoiced": 1}
    assert site.billed() == {0, 1}


def test_whoever_names_no_beginning_waits_for_everything(site: Site) -> None:
    site.price()
    site.land(0, BEGAN + timedelta(minutes=59))
    with pytest.raises(UsageNotReadError):
        finalize(site.tools, ShardMonth(MONTH, 0, site.tools.now()))


def test_what_lands_during_a_close_is_late_usage(site: Site) -> None:
    site.land(0, BEGAN - MINUTE)
    site.bring_in()
    site.price()
    site.land(1, BEGAN + MINUTE)
    site.read()
    site.land(2, BEGAN + MINUTE)
    assert site.finalize().outcomes == {"invoiced": 1}
    assert site.billed() == {0}


def test_a_file_from_the_future_has_landed_all_the_same(site: Site) -> None:
    site.price()
    site.land(0, BEGAN + timedelta(days=900))
    with pytest.raises(UsageNotReadError):
        site.finalize()


def test_usage_of_earlier_days_counts_and_that_of_the_next_month_does_not(site: Site) -> None:
    site.price()
    site.land(0, BEGAN - MINUTE, day="2025-11-01")
    site.read()
    assert site.finalize().outcomes == {"nothing_to_bill": 1}
    site.tools.organizations.save([org_row("bolt")], EVER)
    site.price()
    site.land(1, BEGAN - MINUTE, day="2025-09-30")
    site.read()
    with pytest.raises(UsageNotReadError, match=r"2025-09-30"):
        site.finalize()


def test_a_file_that_was_replaced_is_waited_for(site: Site) -> None:
    site.land(0, BEGAN - 2 * MINUTE, name="a.jsonl")
    site.bring_in()
    site.price()
    site.land(1, BEGAN - MINUTE, day="2025-11-01", name="a.jsonl")  # nothing is left of it on its first day
    site.read()
    with pytest.raises(UsageNotReadError, match=r"2025-10-05"):
        site.finalize()
    site.record()
    site.compile()
    site.price()
    assert site.finalize().outcomes == {"nothing_to_bill": 1}


def test_ids_that_were_not_compared_yet_are_waited_for(site: Site, engine: Engine) -> None:
    site.land(0, BEGAN - MINUTE)
    site.bring_in()
    site.price()
    with engine.begin() as connection:
        connection.execute(text("update flybill.usage_pieces set compared = false"))
    with pytest.raises(UsageNotReadError):
        site.finalize()
    [tick] = [each for each in sensors(Partitions(MONTH, 1)) if each.name == "landed_files_arrived"]
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources={"toolbox": site.tools}) as context,
    ):
        assert len(tick.evaluate_tick(context).run_requests or []) == 1  # or it would be waited for without end
    site.bring_in()
    site.price()
    assert site.finalize().outcomes == {"invoiced": 1}


def test_a_file_that_can_never_be_read_stops_nobody(site: Site) -> None:
    broken = site.land(0, BEGAN - MINUTE, name="broken.jsonl.gz")  # no gzip
    site.bring_in()
    site.price()
    assert broken.exists()
    assert site.tools.catalog.files("broken")
    assert site.finalize().outcomes == {"nothing_to_bill": 1}


def test_a_month_in_which_all_is_decided_waits_for_nothing(site: Site) -> None:
    site.price()
    site.finalize()
    site.land(0, BEGAN - MINUTE)
    assert site.finalize().outcomes == {}


def test_a_repair_waits_too_and_says_what_to_do(site: Site) -> None:
    site.land(0, BEGAN - MINUTE)
    unrepaired = repair(site.tools, MONTH, "acme", BEGAN)
    assert unrepaired is not None
    assert (unrepaired.code, "Materialize its key again" in unrepaired.remedy) == (NOT_READ, True)
    assert site.billed() == set()


STEPS = st.sampled_from(["land", "land later", "read", "record", "compile", "price", "finalize"])


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=14))
def test_in_whatever_order_things_happen_nothing_that_had_landed_is_missing(
    tools: Toolbox, engine: Engine, steps: list[str]
) -> None:
    with engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        for table in ("landed_files", "usage_pieces", "usage_days", "usage_day_versions", "outcomes", "drafts"):
            connection.execute(text(f"delete from flybill.{table}"))
        for table in ("invoices", "invoice_lines", "line_items", "pricing_bases", "pricing_inputs", "stripe_sync"):
            connection.execute(text(f"delete from flybill.{table}"))
    with TemporaryDirectory() as home:
        fresh = tools.settings.model_copy(update={"landing_url": f"{home}/landing", "lake_url": f"{home}/lake"})
        site = at_site(replace(tools, settings=fresh))
        in_time, number = set[int](), 0
        for step in steps:
            if step.startswith("land"):
                later = step == "land later"
                site.land(number, BEGAN + MINUTE if later else BEGAN - MINUTE)
                in_time |= set() if later else {number}
                number += 1
            elif step == "finalize":
                try:
                    decided = site.finalize().outcomes
                except UsageNotReadError:
                    continue
                if decided:
                    assert in_time <= site.billed()
                    return
            else:
                getattr(site, step)()
        site.bring_in()
        site.price()
        site.land(number, BEGAN + MINUTE)  # there is always one more
        assert site.finalize().outcomes
        assert in_time <= site.billed()
