"""What operators and customers read of a month, at every stage of it."""

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.stores.payments.statements import Statements
from flybill_pipeline.stores.sync.month_checks import MonthChecks
from flybill_pipeline_tests.stores.billing_world import MONTH, SHARD, BillingWorld

BROKEN = (HoldReason("unpriced_meter", "Rockets have no price.", "Add one."),)


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt", "carl")
    return made


def change(world: BillingWorld, statement: str, *, past_the_guards: bool = False) -> None:
    with world.engine.begin() as connection:
        if past_the_guards:
            connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text(statement))


class TestMonth:
    def test_before_anything_is_closed_everybody_is_undecided(self, world: BillingWorld) -> None:
        status = Statements(world.engine).month(MONTH)
        assert (status.organizations, status.undecided, status.outcomes, status.sync) == (3, 3, {}, {})
        assert (status.totals, status.failures, status.calls) == ({}, [], 0)

    def test_a_held_stranger_counts_as_an_organization(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "stranger": 7}, problems=BROKEN)
        world.finalize()
        status = Statements(world.engine).month(MONTH)
        assert (status.organizations, status.undecided, status.outcomes) == (4, 2, {"held": 2})
        assert [(failure.org_id, failure.code) for failure in status.failures] == [
            ("acme", "unpriced_meter"),
            ("stranger", "unpriced_meter"),
        ]

    def test_totals_say_what_stripe_has_of_it(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 700})
        world.finalize()
        statements = Statements(world.engine)
        assert statements.month(MONTH).totals == {"usd": {"invoiced_minor": 1200, "synced_minor": 0}}
        change(
            world,
            """update flybill.stripe_sync set state = 'finalized', stripe_subtotal_minor = 500, calls = 3
               where invoice_id = (select invoice_id from flybill.invoices where org_id = 'acme')""",
        )
        status = statements.month(MONTH)
        assert status.totals == {"usd": {"invoiced_minor": 1200, "synced_minor": 500}}
        assert (status.sync, status.calls) == ({"finalized": 1, "new": 1}, 3)

    def test_a_settled_month_keeps_its_currency_whatever_the_org_has_by_now(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 0})
        world.finalize()
        change(world, "update flybill.organizations set currency = 'eur'")
        statements = Statements(world.engine)
        currencies = [facts.currency for org in ("acme", "bolt", "carl") if (facts := statements.facts(org, MONTH))]
        assert currencies == ["usd", "usd", "eur"]

    def test_failures_may_be_asked_for_some_only(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 7}, problems=BROKEN)
        world.finalize()
        assert [found.org_id for found in Statements(world.engine).failures(MONTH, ["bolt"])] == ["bolt"]


class TestChecks:
    """The questions of the asset checks, asked about months that are wrong."""

    def test_a_month_without_outcomes_bills_nobody(self, world: BillingWorld) -> None:
        left = MonthChecks(world.engine).not_billed(MONTH, SHARD)
        assert [(row["org_id"], row["outcome"]) for row in left] == [(n, "none") for n in ("acme", "bolt", "carl")]

    def test_an_outcome_of_another_month_is_none_of_this_one(self, world: BillingWorld) -> None:
        world.draft({"acme": 20, "bolt": 20, "carl": 20})
        world.finalize()
        checks = MonthChecks(world.engine)
        assert checks.not_billed(MONTH, SHARD) == []
        assert [row["org_id"] for row in checks.not_billed(MONTH.next(), SHARD)] == ["acme", "bolt", "carl"]

    def test_held_or_not_at_stripe_is_not_billed(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 20}, problems=())
        world.finalize()
        world.draft({"carl": 20}, problems=BROKEN)
        world.finalize()
        left = MonthChecks(world.engine).not_billed(MONTH, SHARD)
        assert [(row["org_id"], row["outcome"], row["sync"]) for row in left] == [
            ("acme", "invoiced", "new"),
            ("carl", "held", ""),
        ]

    def test_each_that_is_not_billed_says_what_happened_and_what_to_do(self, world: BillingWorld) -> None:
        world.draft({"acme": 500})
        world.finalize()
        world.draft({"bolt": 20}, problems=BROKEN)
        world.finalize()
        change(
            world,
            """update flybill.stripe_sync set state = 'blocked', error_kind = 'org', error_code = 'resource_missing',
               error_message = 'The customer was deleted.', error_remedy = 'Link the org to another.'""",
        )
        left = MonthChecks(world.engine).not_billed(MONTH, SHARD)
        assert [(row["org_id"], row["code"], row["message"], row["remedy"]) for row in left] == [
            ("acme", "resource_missing", "The customer was deleted.", "Link the org to another."),
            ("bolt", "unpriced_meter", "Rockets have no price.", "Add one."),
            ("carl", "", "", ""),
        ]

    def test_a_shard_sees_its_own_only(self, world: BillingWorld) -> None:
        assert MonthChecks(world.engine).not_billed(MONTH, SHARD + 1) == []

    def test_a_tampered_line_is_found(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 700})
        world.finalize()
        checks = MonthChecks(world.engine)
        assert checks.unequal_invoices(MONTH, SHARD) == []
        change(
            world,
            "update flybill.invoice_lines set amount_minor = 499 where amount_minor = 500",
            past_the_guards=True,
        )
        assert [
            (r["org_id"], r["subtotal_minor"], r["lines_minor"]) for r in checks.unequal_invoices(MONTH, SHARD)
        ] == [("acme", 500, 499)]

    def test_an_invoice_that_lost_its_lines_is_found(self, world: BillingWorld) -> None:
        world.draft({"acme": 500})
        world.finalize()
        change(world, "delete from flybill.invoice_lines", past_the_guards=True)
        (row,) = MonthChecks(world.engine).unequal_invoices(MONTH, SHARD)
        assert row["lines_minor"] == 0
