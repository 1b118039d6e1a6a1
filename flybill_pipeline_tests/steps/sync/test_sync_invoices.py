"""The sync in ordinary weather: how many calls it takes, what it sends, and what a second run does."""

from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import func, select, text

from flybill_pipeline.billing.sync.values import Answer, Failure, StripeInvoice, SyncScope
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.stores.invoicing.tables import invoice_lines, organizations
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World


def test_each_invoice_takes_three_calls_and_one_for_a_new_customer(world: World) -> None:
    plant(world.engine, 20, lines=12)
    report = world.sync(workers=8)
    assert (report.finalized, report.waiting, report.blocked, report.mismatch) == (20, 0, 0, 0)
    assert report.complete
    assert report.calls == 20 * 4
    there = world.emulator.report()
    assert there["invoices"] == {"open": 20}
    assert there["lines"] == 20 * 12
    with world.engine.connect() as connection:
        assert connection.scalar(select(func.sum(stripe_sync.c.calls))) == 60
        assert connection.scalar(select(func.count()).where(organizations.c.stripe_customer_id.is_(None))) == 0
    assert world.problems() == []


def test_a_second_run_sends_nothing(world: World) -> None:
    plant(world.engine, 3)
    world.sync()
    again = world.sync()
    assert (again.finalized, again.already, again.calls) == (0, 3, 0)


def test_an_org_that_has_a_customer_keeps_it(world: World) -> None:
    customer = world.stripe().v1.customers.create({"name": "Known"})
    plant(world.engine, 1, customers=[customer.id])
    assert world.sync().calls == 2 + 3  # it is looked at once, and given the address that it lacks
    assert world.emulator.report()["customers"] == 1


def test_lines_go_a_hundred_at_a_time(world: World) -> None:
    for number, (lines, calls) in enumerate([(100, 3), (101, 4), (250, 5)]):
        plant(world.engine, 1, lines=lines, first=number)
        assert world.sync().calls == 1 + calls
    assert world.problems() == []


def test_more_than_250_lines_are_rolled_up_for_stripe_and_kept_here(world: World) -> None:
    plant(world.engine, 1, lines=900)
    assert world.sync().complete
    invoice = world.stripe().v1.invoices.list().data[0]
    with world.engine.connect() as connection:
        assert invoice.subtotal == connection.scalar(select(func.sum(invoice_lines.c.amount_minor)))
        assert connection.scalar(select(func.count()).select_from(invoice_lines)) == 900
    assert world.emulator.report()["lines"] == 7
    assert invoice.lines.data[0].description == "meter0, 2026-10: 57,792 seconds in 129 lines"
    assert invoice.metadata is not None
    assert (invoice.metadata["flybill_lines"], invoice.metadata["flybill_lines_here"]) == ("7", "900")
    assert invoice.footer is None, "the customer's own"
    assert invoice.description == (
        "Usage in 2026-10. It sums up 900 lines; your statement for 2026-10 lists each of them"
    )
    assert world.problems() == []


def test_a_customers_coupon_does_not_change_our_amount(world: World) -> None:
    customer = world.stripe().v1.customers.create({"name": "Lucky"})
    world.emulator.control("POST", f"customers/{customer.id}/coupon", {"id": "half", "percent_off": 50})
    plant(world.engine, 1, customers=[customer.id])
    assert world.sync().complete
    assert world.problems() == []


@pytest.mark.parametrize("days", [14, 0])
def test_an_org_that_pays_by_invoice_is_given_its_term(world: World, days: int) -> None:
    plant(world.engine, 1)
    with world.engine.begin() as connection:
        connection.execute(
            organizations.update().values(collection_method="send_invoice", days_until_due=days, purchase_order="PO 7")
        )
    assert world.sync().complete
    invoice = world.stripe().v1.invoices.list().data[0]
    assert invoice.due_date is not None
    assert invoice.due_date - invoice.created == days * 86400
    assert [(each.name, each.value) for each in invoice.custom_fields or ()] == [("Purchase order", "PO 7")]


def test_what_stripe_says_is_kept_with_the_row(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    invoice = world.stripe().v1.invoices.list().data[0]
    with world.engine.connect() as connection:
        row = connection.execute(select(stripe_sync)).one()
    assert (row.state, row.stripe_invoice_id, row.stripe_status) == ("finalized", invoice.id, "open")
    assert (row.stripe_subtotal_minor, row.livemode) == (invoice.subtotal, False)
    assert row.hosted_invoice_url == invoice.hosted_invoice_url
    assert row.error_kind is None


def test_only_the_orgs_and_the_shard_that_were_asked_for_are_synced(world: World) -> None:
    plant(world.engine, 20)
    assert world.sync(scope=SyncScope(MONTH, None, ["org00003", "org00004"])).finalized == 2
    by_shard = world.sync(scope=SyncScope(MONTH, 5))  # orgs 5 only: 21 would be the next
    assert (by_shard.finalized, by_shard.already) == (1, 0)
    assert world.sync().finalized == 17


def test_the_biggest_invoice_goes_first(world: World) -> None:
    plant(world.engine, 6)
    world.sync(workers=1)
    listed = reversed(world.stripe().v1.invoices.list().data)
    created = [invoice.subtotal for invoice in listed]
    assert created == sorted(created, reverse=True)


@pytest.mark.parametrize("org_id", ["東京", "a\nb", "o" * 300])
def test_whatever_an_organization_is_called_it_gets_one_customer_and_its_invoice(world: World, org_id: str) -> None:
    """The key of a customer names the organization, and a key is a header of at most 255 characters."""
    plant(world.engine, 2)
    with world.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        for table in ("organizations", "invoices"):
            rename = text(f"update flybill.{table} set org_id = :new where org_id = 'org00001'")
            connection.execute(rename, {"new": org_id})
    assert world.sync().complete
    assert world.emulator.report()["customers"] == 2
    assert world.problems() == []


def numbers(world: World) -> list[str]:
    return sorted(str(invoice.number) for invoice in world.stripe().v1.invoices.list().data)


def by_stripe(world: World) -> Gateway:
    contents = Contents(own_numbers=False)
    return Gateway("sk_test_chaos", base=world.emulator.url, limiter=Limiter(999, 999), contents=contents)


def test_an_invoice_has_one_number_here_and_there(world: World) -> None:
    plant(world.engine, 2)
    assert world.sync().complete
    assert numbers(world) == ["FB-2026-10-000000", "FB-2026-10-000001"]


def test_stripe_may_give_the_numbers_and_a_draft_of_before_is_made_again(world: World) -> None:
    plant(world.engine, 1)
    world.emulator.faults([{"match": {"endpoint": "finalize", "times": 99}, "fault": "http_503"}])
    world.sync(patience=1, stripe_of=lambda _: by_stripe(world))
    world.emulator.clear_faults()
    assert numbers(world) == ["None"]
    assert world.sync().complete
    assert numbers(world) == ["FB-2026-10-000000"]
    plant(world.engine, 1, first=1)
    assert world.sync(stripe_of=lambda _: by_stripe(world)).complete
    assert not any(number.startswith("FB-2026-10-000001") for number in numbers(world))


class OtherNumber:
    """Stripe, as it would be if it gave a final invoice another number than it was asked for."""

    def __init__(self, port: Stripe) -> None:
        self._port = port

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def finalize_invoice(self, stripe_invoice_id: str, key: str) -> Answer[StripeInvoice] | Failure:
        answer = self._port.finalize_invoice(stripe_invoice_id, key)
        assert isinstance(answer, Answer)
        return replace(answer, value=replace(answer.value, number="3377946F-0001"))


def test_another_number_at_stripe_is_a_mismatch_with_words(world: World) -> None:
    plant(world.engine, 1)
    report = world.sync(stripe_of=lambda port: cast(Stripe, OtherNumber(port)))
    assert [failure.code for failure in report.failures] == ["mismatch"]
    assert "number at Stripe is 3377946F-0001 instead of FB-2026-10-000000" in report.failures[0].message
