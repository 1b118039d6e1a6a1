"""Lists: order, filters, cursors; and the library's own auto-paging over them."""

import itertools

from stripe import StripeClient

from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Json, Shop, code_of
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def ids(page: Json) -> list[str]:
    return [found["id"] for found in page["data"]]


def test_pages_are_newest_first_both_ways(shop: Shop) -> None:
    customer = shop.customer()
    newest_first = [shop.draft(customer=customer) for _ in range(7)][::-1]
    first = shop.get("invoices", limit=3)
    assert (ids(first), first["has_more"]) == (newest_first[:3], True)
    second = shop.get("invoices", limit=3, starting_after=newest_first[2])
    assert (ids(second), second["has_more"]) == (newest_first[3:6], True)
    last = shop.get("invoices", limit=3, starting_after=newest_first[5])
    assert (ids(last), last["has_more"]) == (newest_first[6:], False)
    back = shop.get("invoices", limit=2, ending_before=newest_first[4])
    assert (ids(back), back["has_more"]) == (newest_first[2:4], True)
    assert len(shop.get("invoices")["data"]) == 7
    assert code_of(shop.refused("get", "invoices", starting_after="in_none")) == "resource_missing"
    assert (
        shop.refused("get", "invoices", starting_after=newest_first[0], ending_before=newest_first[1]).http_status
        == 400
    )


def test_auto_paging_reads_everything_once(emulator: EmulatorProcess, shop: Shop) -> None:
    created = [shop.customer() for _ in range(23)]
    client = StripeClient("sk_test_1", base_addresses={"api": emulator.url})
    found = [customer.id for customer in client.v1.customers.list({"limit": 5}).auto_paging_iter()]
    assert found == created[::-1]


def test_filters(shop: Shop, emulator: EmulatorProcess) -> None:
    one, other = shop.customer(), shop.customer(email="a@b.test")
    draft, opened = shop.draft(100, customer=one), shop.finalized(100, customer=one)["id"]
    sent = shop.finalized(100, customer=other, collection_method="send_invoice", days_until_due=3)
    emulator.advance(DAY)
    late = shop.draft(customer=other)
    created = sent["created"]
    cases: list[tuple[Json, list[str]]] = [
        ({"customer": one}, [opened, draft]),
        ({"status": "open"}, [sent["id"], opened]),
        ({"status": "open", "customer": one}, [opened]),
        ({"collection_method": "send_invoice"}, [sent["id"]]),
        ({"due_date": {"lte": sent["due_date"]}}, [sent["id"]]),
        ({"due_date": sent["due_date"] + 1}, []),
        ({"created": {"gt": created}}, [late]),
        ({"created": {"gte": created - 5, "lt": created + 5}}, [sent["id"], opened, draft]),
        ({"subscription": "sub_none"}, []),
    ]
    for params, expected in cases:
        assert ids(shop.get("invoices", **params)) == expected, params


def test_a_page_of_a_hundred_has_its_lines(shop: Shop) -> None:
    customer = shop.customer()
    for amount in range(101):
        shop.draft(amount, customer=customer)
    page = shop.get("invoices", limit=100)
    assert (len(page["data"]), page["has_more"]) == (100, True)
    amounts = itertools.chain.from_iterable(invoice["lines"]["data"] for invoice in page["data"])
    assert [line["amount"] for line in amounts] == list(range(100, 0, -1))
