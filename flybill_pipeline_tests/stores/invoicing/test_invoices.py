"""Finalized months: what the database refuses, numbers without gaps, balances that are carried, drafts that move."""

import threading
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.settlement import Settlement
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.steps.invoicing.finalize_invoices import finalize_shard
from flybill_pipeline.stores.invoicing.holds import Holds
from flybill_pipeline.stores.invoicing.invoices import Invoices, LinesDoNotSumError
from flybill_pipeline.stores.invoicing.tables import invoice_lines
from flybill_pipeline_tests.stores.billing_world import MONTH, SHARD, BillingWorld
from flybill_pipeline_tests.worlds.landed import ALL_READ

INSERT_ONLY = ("invoices", "invoice_lines", "account_entries")


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt", "carl", "dora")
    return made


def numbers(world: BillingWorld) -> list[str]:
    return [number for (number,) in world.sql("select number from flybill.invoices order by number")]


class TestImmutability:
    @pytest.fixture
    def settled(self, world: BillingWorld) -> BillingWorld:
        world.draft({"acme": 500, "bolt": 20})
        world.finalize()
        return world

    @pytest.mark.parametrize("table", INSERT_ONLY)
    @pytest.mark.parametrize("change", ["update {} set currency = 'eur'", "delete from {}", "truncate {} cascade"])
    def test_what_is_insert_only_is_neither_changed_nor_deleted(
        self, settled: BillingWorld, table: str, change: str
    ) -> None:
        before = settled.sql(f"select * from flybill.{table}")
        assert before
        with pytest.raises(DBAPIError, match="insert-only"):
            settled.sql(change.format(f"flybill.{table}"))
        assert settled.sql(f"select * from flybill.{table}") == before

    @pytest.mark.parametrize(
        "change",
        [
            "update flybill.outcomes set outcome = 'held' where org_id = 'acme'",
            "update flybill.outcomes set total_minor = 1 where org_id = 'bolt'",
            "delete from flybill.outcomes where org_id = 'acme'",
            "truncate flybill.outcomes",
        ],
    )
    def test_a_settled_outcome_stays(self, settled: BillingWorld, change: str) -> None:
        before = settled.sql("select * from flybill.outcomes order by org_id")
        with pytest.raises(DBAPIError, match=r"settled|insert-only"):
            settled.sql(change)
        assert settled.sql("select * from flybill.outcomes order by org_id") == before

    @pytest.mark.parametrize(
        "change",
        [
            "update flybill.line_items set amount_minor = 1",
            "delete from flybill.line_items where org_id = 'bolt'",
            "insert into flybill.line_items select month, org_id, 99, line_id || 'x', kind, meter, dimensions,"
            " service_month, quantity, usage_quantity, unit, amount_minor, currency, description, working"
            " from flybill.line_items",
        ],
    )
    def test_the_lines_of_a_settled_month_stay(self, settled: BillingWorld, change: str) -> None:
        before = settled.sql("select * from flybill.line_items order by org_id, line_no")
        with pytest.raises(DBAPIError, match="are settled"):
            settled.sql(change)
        assert settled.sql("select * from flybill.line_items order by org_id, line_no") == before

    def test_a_held_outcome_may_change_but_not_vanish(self, world: BillingWorld) -> None:
        world.draft({"acme": 500}, problems=(HoldReason("broken", "It is broken.", "Mend it."),))
        world.finalize()
        with pytest.raises(DBAPIError, match="never deleted"):
            world.sql("delete from flybill.outcomes")
        world.draft({"acme": 500})
        assert world.finalize().outcomes == {"invoiced": 1}
        assert world.sql("select outcome, code from flybill.outcomes") == [("invoiced", None)]

    def test_a_line_without_an_invoice_is_refused(self, settled: BillingWorld) -> None:
        columns = [column.name for column in invoice_lines.columns if column.name != "invoice_id"]
        copy = f"""insert into flybill.invoice_lines (invoice_id, {", ".join(columns)})
                   select 'lost' || invoice_id, {", ".join(columns)} from flybill.invoice_lines"""
        with pytest.raises(DBAPIError, match="there is no invoice lost"):
            settled.sql(copy)

    def test_an_organization_has_one_invoice_a_month(self, settled: BillingWorld) -> None:
        copy = """insert into flybill.invoices select 'other', 'FB-x', month, org_id, shard, currency, subtotal_minor,
                  line_count, content_hash, usage_up_to, finalized_at from flybill.invoices"""
        with pytest.raises(DBAPIError, match="unique"):
            settled.sql(copy)


class TestNumbers:
    def test_they_have_no_gaps_over_several_runs(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 20, "carl": 700})
        world.finalize()
        world.draft({"dora": 900})
        world.finalize()
        assert numbers(world) == ["FB-2025-10-000001", "FB-2025-10-000002", "FB-2025-10-000003"]

    def test_a_batch_that_is_rolled_back_takes_no_number(self, world: BillingWorld) -> None:
        world.draft({"acme": 500})
        world.sql("update flybill.line_items set amount_minor = 499")
        with pytest.raises(LinesDoNotSumError, match=r"flybill repair 2025-10 --org acme$"):
            world.finalize()
        assert world.sql("select * from flybill.outcomes") == []
        world.sql("update flybill.line_items set amount_minor = 500")
        world.finalize()
        assert numbers(world) == ["FB-2025-10-000001"]

    def test_a_line_that_is_missing_stops_the_batch_too(self, world: BillingWorld) -> None:
        world.draft({"acme": 500})
        world.sql("delete from flybill.line_items")
        with pytest.raises(LinesDoNotSumError):
            world.finalize()
        assert numbers(world) == []

    def test_two_at_once_share_them_without_a_gap_and_settle_everybody_once(self, world: BillingWorld) -> None:
        names = [f"org{n:02d}" for n in range(40)]
        world.orgs(*names)
        world.draft(dict.fromkeys(names, 500))
        faults: list[Exception] = []
        barrier = threading.Barrier(3)

        def settle() -> None:
            barrier.wait()
            try:
                part = ShardMonth(MONTH, SHARD, world.now())
                finalize_shard(part, Invoices(world.engine), Holds(world.engine), ALL_READ)
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=settle) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert numbers(world) == [f"FB-2025-10-{n:06d}" for n in range(1, 41)]
        assert world.sql("select count(*) from flybill.stripe_sync") == [(40,)]


class TestCarriedAmounts:
    def carried(self, world: BillingWorld, month: Any) -> dict[str, int]:
        found = world.drafts.carried(month, ["acme", "bolt"])
        return {org: amounts["usd"] for org, amounts in found.items()}

    def test_small_amounts_add_up_until_they_are_billed_once(self, world: BillingWorld) -> None:
        month, outcomes = MONTH, []
        for _ in range(4):
            world.draft({"acme": 20}, month)
            outcomes.append(world.finalize(month).outcomes)
            month = month.next()
        assert outcomes == [
            {"carried_forward": 1},
            {"carried_forward": 1},
            {"invoiced": 1},
            {"carried_forward": 1},
        ]
        assert world.sql("select month, subtotal_minor from flybill.invoices") == [("2025-12", 60)]
        assert self.carried(world, month) == {"acme": 20}

    def test_a_credit_lasts_until_it_is_used_up(self, world: BillingWorld) -> None:
        month = MONTH
        for amount, left in ((-300, -300), (100, -200), (200, 0)):
            world.draft({"acme": amount}, month)
            world.finalize(month)
            month = month.next()
            assert self.carried(world, month).get("acme", 0) == left
        assert world.sql("select count(*) from flybill.invoices") == [(0,)]

    def test_a_month_does_not_carry_into_itself_but_into_whichever_is_settled_next(self, world: BillingWorld) -> None:
        world.draft({"acme": 20})
        world.finalize()
        assert self.carried(world, MONTH) == {}
        assert self.carried(world, MONTH.next()) == self.carried(world, MONTH.previous()) == {"acme": 20}

    def test_a_held_month_carries_nothing_until_it_is_settled(self, world: BillingWorld) -> None:
        world.draft({"acme": 20}, problems=(HoldReason("broken", "It is broken.", "Mend it."),))
        world.finalize()
        assert self.carried(world, MONTH.next()) == {}
        world.draft({"acme": 20})
        world.finalize()
        assert self.carried(world, MONTH.next()) == {"acme": 20}


class TestDraftsThatMove:
    def test_one_that_changed_since_it_was_read_is_left_for_the_next_run(self, world: BillingWorld) -> None:
        world.draft({"acme": 500, "bolt": 600})
        read = world.invoices.open_drafts(MONTH, SHARD)
        world.draft({"acme": 500, "bolt": 601})
        settled = world.invoices.settle(MONTH, SHARD, [Settlement(d, "invoiced") for d in read], world.now())
        assert settled == set()
        assert world.finalize().invoiced == {"usd": 1101}

    def test_one_that_is_settled_is_not_priced_again(self, world: BillingWorld) -> None:
        world.draft({"acme": 500})
        world.finalize()
        world.draft({"acme": 9999, "bolt": 100})
        assert world.drafts.settled(MONTH, SHARD) == {"acme"}
        kept = world.sql("select org_id, amount_minor from flybill.line_items order by org_id")
        assert kept == [("acme", 500), ("bolt", 100)]
        assert world.finalize().outcomes == {"invoiced": 1}
        assert world.finalize().outcomes == {}
