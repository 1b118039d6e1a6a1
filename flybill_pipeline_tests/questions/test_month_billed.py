"""Whether a month is billed, in one sentence: of months that run, that wait to be closed, that are done or are not."""

from dataclasses import replace
from datetime import UTC, datetime

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.verdicts import Verdict
from flybill_pipeline.questions.month_billed import Standing, standing_of
from flybill_pipeline.questions.month_status import MonthOverview, month_status
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld

UNPRICED = (HoldReason("unpriced_meter", "Rockets have no price.", "Add one."),)
BEFORE_CLOSE, AFTER_CLOSE = datetime(2025, 11, 3, 23, 59, tzinfo=UTC), datetime(2025, 11, 4, tzinfo=UTC)


def asked(tools: Toolbox, now: datetime = AFTER_CLOSE) -> Standing:
    return standing_of(month_status(tools, MONTH), now, tools.closing_day)


def at_stripe(overview: MonthOverview) -> MonthOverview:
    """The same month with all invoices finalized at Stripe."""
    return replace(overview, bills=replace(overview.bills, sync={"finalized": sum(overview.bills.sync.values())}))


def test_a_month_that_runs_or_has_not_begun_waits_for_nobody(tools: Toolbox, world: BillingWorld) -> None:
    world.orgs("acme")
    ahead, runs = (asked(tools, at) for at in (datetime(2025, 9, 30, tzinfo=UTC), datetime(2025, 10, 31, tzinfo=UTC)))
    assert ahead == Standing(True, 0, "2025-10 has not begun.")
    assert runs == Standing(True, 0, "2025-10 is still running: it ends after 2025-10-31, UTC.")


def test_nobody_waits_before_the_closing_day_is_over_and_everybody_does_after_it(
    tools: Toolbox, world: BillingWorld
) -> None:
    world.orgs("acme", "bolt")
    assert asked(tools, BEFORE_CLOSE) == Standing(
        True, 0, "2 organizations will be billed when the month is closed, on 2025-11-03."
    )
    assert asked(tools) == Standing(
        False, 2, "2 of 2 organizations wait: 2 are not closed, though the closing day is over."
    )


def test_a_home_without_organizations_has_nobody_to_bill(tools: Toolbox) -> None:
    assert asked(tools) == Standing(True, 0, "There is nobody to bill for 2025-10.")


def test_who_waits_is_counted_by_reason(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500, "bolt": 700}, problems=UNPRICED)
    world.finalize()
    told = asked(tools)
    assert (told.fine, told.waiting) == (False, 2)
    assert told.sentence.startswith("2 of 2 organizations wait: 2 are held (unpriced_meter).")


def test_an_invoice_that_is_on_its_way_waits_too(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500, "bolt": 7})
    world.finalize()
    told = asked(tools, BEFORE_CLOSE)
    assert (told.fine, told.waiting) == (False, 1)
    assert told.sentence.startswith("1 of 2 organizations waits: 1 is on the way to Stripe.")


def test_all_are_done_once_the_invoices_are_at_stripe_unless_its_own_list_differs(
    tools: Toolbox, world: BillingWorld
) -> None:
    world.draft({"acme": 500, "bolt": 7})
    world.finalize()
    overview = at_stripe(month_status(tools, MONTH))
    done = standing_of(overview, AFTER_CLOSE, tools.closing_day)
    assert (done.fine, done.waiting) == (True, 0)
    assert done.sentence == (
        "All of 2 organizations are done: 1 carried forward, 1 invoiced. "
        "It was not compared with Stripe's own list yet."
    )
    differs = replace(overview, reconciliation=Verdict("differs", AFTER_CLOSE, "1 not."))
    assert standing_of(differs, AFTER_CLOSE, tools.closing_day) == Standing(
        False, 0, "All of 2 organizations are done: 1 carried forward, 1 invoiced. 1 not."
    )


def test_what_stops_the_calls_of_everybody_is_told_once_where_invoices_wait_for_it(
    tools: Toolbox, world: BillingWorld
) -> None:
    world.draft({"acme": 500, "bolt": 700})
    world.finalize()
    overview = month_status(tools, MONTH)
    since, until = datetime(2025, 11, 4, 6, 0, tzinfo=UTC), datetime(2025, 11, 4, 6, 15, tzinfo=UTC)
    outage = OpenBreaker("outage", "no_answer", "Stripe does not answer.", "Nothing.", None, since, until, 0)
    stopped = replace(overview, sync=replace(overview.sync, breaker=outage))
    told = "Stripe does not answer. No calls are made since 2025-11-04 06:00:00 UTC. "
    assert standing_of(stopped, AFTER_CLOSE, tools.closing_day).sentence.startswith(
        f"2 of 2 organizations wait: 2 are on the way to Stripe. {told}"
    )
    assert told not in standing_of(at_stripe(stopped), AFTER_CLOSE, tools.closing_day).sentence


def test_a_month_of_one_organization_reads_well(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    world.finalize()
    overview = at_stripe(month_status(tools, MONTH))
    alone = replace(overview, bills=replace(overview.bills, organizations=1, undecided=0))
    sentence = standing_of(alone, AFTER_CLOSE, tools.closing_day).sentence
    assert sentence.startswith("The one organization is done: 1 invoiced. ")


def test_of_many_reasons_the_most_common_are_named(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500}, problems=UNPRICED)
    world.finalize()
    overview = month_status(tools, MONTH)
    [one] = overview.bills.failures
    codes = ["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d", "e"]
    failures = [replace(one, code=code, stage="sync" if code == "b" else "finalize") for code in codes]
    bills = replace(overview.bills, failures=failures, organizations=20, undecided=0, sync={"blocked": 3})
    many = replace(overview, bills=bills)
    assert standing_of(many, AFTER_CLOSE, tools.closing_day).sentence.startswith(
        "11 of 20 organizations wait: 4 are held (a), 3 are not at Stripe (b), 2 are held (c), 2 for other reasons."
    )
