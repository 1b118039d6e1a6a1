"""Where a month stands, put together once: bills, sync, payments, usage that does not count."""

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.questions.month_status import month_status
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.questions.conftest import NOW
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld

BROKEN = (HoldReason("unpriced_meter", "Rockets have no price.", "Add one."),)


def test_a_month_of_which_nothing_is_known(tools: Toolbox) -> None:
    answer = month_status(tools, MONTH)
    assert (answer.bills.organizations, answer.failures_of(()), answer.rejected.bad_rows) == (0, [], 0)
    assert (answer.sync.breaker, answer.sync.minutes_left, answer.payments.states) == (None, None, {})
    assert answer.sync.at == NOW


def test_its_parts_are_about_the_same_month(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500, "bolt": 700})
    world.finalize()
    answer, before = month_status(tools, MONTH), month_status(tools, MONTH.previous())
    assert (answer.bills.outcomes, answer.payments.month) == ({"invoiced": 2}, MONTH)
    assert answer.sync.progress.left.total == 8
    assert (before.bills.outcomes, before.sync.progress.left.total) == ({}, 0)


def test_failures_of_all_or_of_some(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500, "bolt": 7}, problems=BROKEN)
    world.finalize()
    answer = month_status(tools, MONTH)
    assert [failure.org_id for failure in answer.failures_of(())] == ["acme", "bolt"]
    assert [failure.org_id for failure in answer.failures_of(["bolt", "calm"])] == ["bolt"]
