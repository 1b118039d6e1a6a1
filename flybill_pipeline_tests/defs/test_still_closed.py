"""A shard stands as a close left it for as long as nothing that it was made of, or that became of it, is another."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import dagster as dg
import pytest
from sqlalchemy import text

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditRequest
from flybill_pipeline.defs.still_closed import StillClosed
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.stores.invoicing.organizations import OrgRow
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.questions.conftest import NOW
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

MONTH = Month(2025, 10)
DONE, FAILED = dg.AssetPartitionStatus.MATERIALIZED, dg.AssetPartitionStatus.FAILED


def stands(tools: Toolbox, status: dg.AssetPartitionStatus | None = DONE) -> bool:
    """Whether the only shard stands, by a Dagster that shows each asset of it so."""
    return month_of(tools, status).shards == {0}


def month_of(tools: Toolbox, status: dg.AssetPartitionStatus | None = DONE) -> StillClosed:
    dagster = SimpleNamespace(get_status_by_partition=lambda _asset, keys, _of: {str(key): status for key in keys})
    return StillClosed(cast(dg.DagsterInstance, dagster), tools, MONTH)


@pytest.fixture
def site(tools: Toolbox) -> Site:
    """A month that was closed to its end: its invoice stands at Stripe."""
    made = Site(tools, MONTH, NOW)
    made.land(0, NOW)
    made.bring_in()
    before = month_of(tools)
    made.price()
    assert made.finalize().outcomes == {"invoiced": 1}
    before.keep(0)
    assert not stands(tools), "its invoice is not at Stripe yet"
    sql(tools, "update flybill.stripe_sync set state = 'finalized', stripe_invoice_id = 'in_1'")
    before.keep(0)
    assert stands(tools)
    return made


def sql(tools: Toolbox, statement: str) -> None:
    with tools.engine.begin() as connection:
        connection.execute(text(statement))


def late_usage(site: Site) -> None:
    site.land(1, NOW)
    site.bring_in()


def another_price(site: Site) -> None:
    book = site.tools.settings.prices / "usd.toml"
    book.write_text(book.read_text().replace("unit_amount = 0.01", "unit_amount = 0.02", 1))


def a_contract(site: Site) -> None:
    terms = TermsRow("usd", contract="gold", contract_from=datetime(2025, 12, 1, tzinfo=UTC))
    site.tools.organizations.save([OrgRow("test", {"org_id": "acme"}, terms)], NOW)


def a_plan(site: Site) -> None:
    file = site.tools.settings.home / "items.csv"
    file.write_text("item_id,kind,org_id,name,amount,currency,start\np,subscription,acme,Plan,9.99,usd,2025-10-01\n")
    site.tools.items.save(file, read_items(file))


def another_organization(site: Site) -> None:
    site.tools.organizations.save([org_row("bolt")], EVER)


def a_credit_that_waits(site: Site) -> None:
    site.tools.credit_notes.request(CreditRequest("acme", MONTH, 1, "0.50", "an outage", "ada", 1), NOW)


def an_earlier_month(site: Site) -> None:
    part = ShardMonth(MONTH.previous(), 0, NOW, landed_by=NOW)
    price(site.tools, part)
    finalize(site.tools, part)


def test_whatever_is_new_brings_the_work_back_once(site: Site) -> None:
    for change in (late_usage, another_price, a_contract, a_plan, an_earlier_month):
        change(site)
        assert not stands(site.tools), change.__name__
        month_of(site.tools).keep(0)
        assert stands(site.tools), change.__name__


@pytest.mark.parametrize("change", [a_credit_that_waits, another_organization])
def test_what_waits_keeps_the_work_coming(site: Site, change: Callable[[Site], None]) -> None:
    change(site)
    month_of(site.tools).keep(0)
    assert not stands(site.tools)


@pytest.mark.parametrize(
    "done_behind_flybill",
    [
        "update flybill.stripe_sync set state = 'mismatch'",  # Stripe's answer
        "set session_replication_role = replica; update flybill.invoices set subtotal_minor = 90",
        "set session_replication_role = replica; delete from flybill.outcomes",
    ],
)
def test_what_a_check_would_be_red_for_is_run_and_shown(site: Site, done_behind_flybill: str) -> None:
    sql(site.tools, done_behind_flybill)
    assert not stands(site.tools)


@pytest.mark.parametrize("status", [FAILED, None])
def test_a_shard_that_dagster_does_not_show_as_done_is_run(site: Site, status: dg.AssetPartitionStatus | None) -> None:
    assert not stands(site.tools, status)


def test_who_works_at_a_shard_and_comes_to_no_end_leaves_it_to_the_next(site: Site) -> None:
    site.price()
    assert not stands(site.tools)


def test_what_changed_while_a_close_worked_is_work_for_the_next(site: Site) -> None:
    before = month_of(site.tools)
    late_usage(site)
    before.keep(0)
    assert not stands(site.tools)
    month_of(site.tools).keep(0)
    assert stands(site.tools)
