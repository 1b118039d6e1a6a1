"""A close by a run of Dagster's, on real files: it waits for what had landed, and the retry sensor brings it back."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.close_began import BEGAN_TAG, WAITS_TAG
from flybill_pipeline.defs.jobs import REPAIR_ORG_MONTH
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, month_shard_key, org_month_key
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.impatient import no_waiting
from flybill_pipeline_tests.worlds.site import Site

MONTH = Month.of(datetime.now(UTC)).previous()
KEY = month_shard_key(MONTH, 0)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Closing:
    """A site whose month is closed by runs of Dagster's, which only go as far as the invoices here."""

    def __init__(self, tools: Toolbox, instance: dg.DagsterInstance) -> None:
        self.tools, self.instance = replace(tools, now=lambda: datetime.now(UTC)), instance
        self.site = Site(self.tools, MONTH, datetime.now(UTC))
        self.definitions = build_defs(tools.settings, toolbox=self.tools)

    def land(self, number: int) -> None:
        file = self.site.land(number, datetime.now(UTC))
        os.utime(file)

    def run(self, *assets: str, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        selected = dg.AssetSelection.assets(*(assets or ("monthly_line_items", "finalized_invoices")))
        job = dg.define_asset_job("close_here", selection=selected).resolve(
            asset_graph=self.definitions.get_repository_def().asset_graph
        )
        return job.execute_in_process(
            partition_key=KEY,
            instance=self.instance,
            raise_on_error=False,
            tags=tags,
            run_config=QUIET,
            resources={"toolbox": self.tools},
        )

    def retries(self) -> list[dg.RunRequest]:
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance, repository_def=repository, resources={"toolbox": self.tools}
        ) as context:
            tick = repository.get_sensor_def("retry_failed_partitions").evaluate_tick(context)
        return list(tick.run_requests or [])


@pytest.fixture
def closing(tools: Toolbox) -> Iterator[Closing]:
    with no_waiting(), dg.DagsterInstance.ephemeral() as instance:
        yield Closing(tools, instance)


def reason(ran: dg.ExecuteInProcessResult) -> str:
    [failure] = [each for each in ran.all_events if each.is_step_failure]
    return str(failure.step_failure_data.error_display_string)


def test_a_close_before_its_usage_is_read_fails_with_a_sentence_and_is_brought_back(closing: Closing) -> None:
    closing.land(0)
    ran = closing.run()
    assert not ran.success
    assert f"{MONTH} is not finalized: 1 landed file is not read yet (usage/0.jsonl)." in reason(ran)
    assert f"`flybill close {MONTH}` does all of it at once" in reason(ran)
    assert WAITS_TAG in ran.dagster_run.tags
    assert closing.tools.statements.month(MONTH).outcomes == {}
    assert closing.retries() == []  # nobody has read it yet

    closing.site.bring_in()
    [request] = closing.retries()
    closing.land(1)  # there is always one more
    assert closing.run(tags=dict(request.tags)).success
    assert closing.tools.statements.month(MONTH).outcomes == {"invoiced": 1}
    assert closing.site.billed() == {0}


def test_who_materializes_the_invoices_alone_gets_no_old_drafts_finalized(closing: Closing) -> None:
    closing.land(0)
    closing.site.bring_in()
    assert closing.run("monthly_line_items").success
    closing.land(1)
    closing.site.bring_in()
    ran = closing.run("finalized_invoices")
    assert "usage of 1 day is not in its drafts yet" in reason(ran)
    assert closing.run().success
    assert closing.site.billed() == {0, 1}


def test_a_command_says_when_its_close_began(closing: Closing) -> None:
    closing.land(0)
    closing.site.bring_in()
    began = datetime.now(UTC)
    closing.land(1)
    assert closing.run(tags={BEGAN_TAG: began.isoformat()}).success
    assert closing.site.billed() == {0}


def test_a_repair_by_hand_waits_and_goes_through_when_it_is_tried_again(closing: Closing) -> None:
    key = org_month_key(MONTH, "acme")
    closing.instance.add_dynamic_partitions(str(FAILED_ORG_MONTHS.name), [key])

    def repair() -> Any:
        job = closing.definitions.resolve_job_def(REPAIR_ORG_MONTH)
        return job.execute_in_process(
            partition_key=key, instance=closing.instance, raise_on_error=False, run_config=QUIET
        )

    closing.land(0)
    first = repair()
    assert "acme is not mended yet" in reason(first)
    assert "Materialize its key again" in reason(first)
    assert closing.site.billed() == set()
    closing.site.bring_in()
    closing.land(1)
    repair()  # Stripe is not there, so it does not get to its end
    assert closing.site.billed() == {0}


def test_a_person_who_closes_again_what_waited_begins_anew(closing: Closing) -> None:
    closing.land(0)
    assert not closing.run().success
    closing.site.bring_in()
    closing.land(1)
    assert "usage/1.jsonl" in reason(closing.run())


def test_who_was_left_out_for_another_month_is_priced_again_by_a_retry(closing: Closing) -> None:
    """Two months of one shard that are closed at once, as after an outage over two closes."""
    before = Site(closing.tools, MONTH.previous(), datetime.now(UTC))
    closing.land(0)
    closing.site.bring_in()
    assert closing.run("monthly_line_items").success
    before.price()
    before.finalize()
    ran = closing.run("finalized_invoices")
    assert "Nothing is decided for 1 organization (acme): after they were priced, another month" in reason(ran)
    assert closing.tools.statements.month(MONTH).outcomes == {}
    assert closing.run().success
    assert closing.site.billed() == {0}
