"""Events: which are recorded, how they are read, and when they are gone."""

from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Shop, code_of
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def test_a_life_in_events(shop: Shop) -> None:
    customer = shop.payer()
    invoice = shop.draft(1000, customer=customer)
    shop.post(f"invoices/{invoice}/finalize")
    shop.post(f"invoices/{invoice}/pay")
    types = [kind for kind in shop.event_types() if kind != "customer.updated"]
    assert types == [
        "customer.created",
        "invoice.created",
        "invoice.updated",
        "invoice.finalized",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    shop.post(f"invoices/{shop.finalized(500, customer=customer)['id']}/void")
    shop.post(f"invoices/{shop.finalized(500, customer=customer)['id']}/mark_uncollectible")
    shop.delete(f"invoices/{shop.draft(customer=customer)}")
    shop.delete(f"customers/{customer}")
    seen = set(shop.event_types())
    assert {"invoice.voided", "invoice.marked_uncollectible", "invoice.deleted", "customer.deleted"} <= seen


def test_an_event_shows_the_object_of_its_moment_and_its_cause(shop: Shop) -> None:
    invoice = shop.draft(100)
    answer = shop.call("post", f"invoices/{invoice}", description="later", idempotency_key="k")
    shop.post(f"invoices/{invoice}", description="even later")
    event = shop.get("events", type="invoice.updated", limit=2)["data"][1]
    assert event["data"]["object"] == answer.data
    assert event["data"]["previous_attributes"] == {"description": None}
    assert event["request"] == {"id": answer.request_id, "idempotency_key": "k"}
    assert shop.get(f"events/{event['id']}") == event


def test_filters_by_type_and_date(shop: Shop, emulator: EmulatorProcess) -> None:
    final = shop.finalized(100)
    emulator.advance(DAY)
    shop.post(f"invoices/{final['id']}/void")
    chosen = shop.get("events", types=["invoice.voided", "invoice.created"])["data"]
    assert [event["type"] for event in chosen] == ["invoice.voided", "invoice.created"]
    recent = shop.get("events", created={"gte": chosen[0]["created"]})["data"]
    assert [event["type"] for event in recent] == ["invoice.voided"]
    assert {event["type"] for event in shop.get("events", type="invoice.*")["data"]} >= {
        "invoice.voided",
        "invoice.created",
    }
    assert shop.refused("get", "events", type="x", types=["y"]).http_status == 400


def test_pages_can_be_followed_by_cursor(shop: Shop) -> None:
    shop.customer()
    seen = shop.get("events", limit=1)["data"][0]["id"]
    shop.finalized(100)
    new = shop.get("events", ending_before=seen, limit=100)["data"]
    assert [event["type"] for event in new][-1] == "customer.created"
    assert new[0]["type"] == "invoice.finalized"


def test_late_events_show_up_where_they_belong(shop: Shop, emulator: EmulatorProcess) -> None:
    first = shop.finalized(100)["id"]
    emulator.control("POST", "events/withhold")
    shop.post(f"invoices/{first}/void")
    assert shop.get("events", type="invoice.voided")["data"] == []
    assert emulator.control("POST", "events/release") == {"released": 1}
    shop.finalized(200)
    types = shop.event_types()
    assert types.index("invoice.voided") < len(types) - 1 - types[::-1].index("invoice.finalized")


def test_twenty_types_at_most_and_no_delivery_ever_failed(shop: Shop) -> None:
    shop.finalized(100)
    assert shop.refused("get", "events", types=[f"t{n}" for n in range(21)]).http_status == 400
    assert shop.get("events", delivery_success=False)["data"] == []
    assert shop.get("events", delivery_success=True)["data"] != []


def test_events_are_gone_after_30_days(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.customer()
    event = shop.get("events")["data"][0]["id"]
    emulator.advance(30 * DAY - 60)
    assert shop.get(f"events/{event}")["id"] == event
    emulator.advance(120)
    assert shop.get("events")["data"] == []
    assert code_of(shop.refused("get", f"events/{event}")) == "resource_missing"
