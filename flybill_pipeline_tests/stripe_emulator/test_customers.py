"""Customers: merging, deleting, the currency lock."""

from flybill_pipeline_tests.stripe_emulator.helpers import Shop, code_of


def test_update_merges_metadata_and_replaces_the_rest(shop: Shop) -> None:
    customer = shop.customer(name="A", metadata={"keep": "1", "drop": "2"}, phone="123")
    changed = shop.post(f"customers/{customer}", metadata={"drop": "", "new": "3"}, phone="", name="B")
    assert (changed["metadata"], changed["phone"], changed["name"]) == ({"keep": "1", "new": "3"}, None, "B")
    assert shop.post(f"customers/{customer}", metadata="")["metadata"] == {}
    assert shop.get(f"customers/{customer}")["name"] == "B"


def test_a_deleted_customer_answers_reads_and_refuses_writes(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.draft(500, customer=customer)
    gone = {"id": customer, "object": "customer", "deleted": True}
    assert shop.delete(f"customers/{customer}") == gone
    assert shop.get(f"customers/{customer}") == gone
    assert shop.get("customers")["data"] == []
    for method, path, params in (
        ("post", f"customers/{customer}", {"name": "x"}),
        ("post", "invoices", {"customer": customer}),
        ("post", f"invoices/{invoice}/add_lines", {"lines": [{"amount": 1}]}),
        ("post", f"invoices/{invoice}/finalize", {}),
        ("delete", f"customers/{customer}", {}),
    ):
        error = shop.refused(method, path, **params)
        assert (code_of(error), str(error).endswith(f"No such customer: '{customer}'")) == ("resource_missing", True)
    assert shop.get(f"invoices/{invoice}")["status"] == "draft"


def test_missing_customer(shop: Shop) -> None:
    read, write = shop.refused("get", "customers/cus_x"), shop.refused("post", "invoices", customer="cus_x")
    assert (read.http_status, read.error.param if read.error else "") == (404, "id")
    assert (write.http_status, write.error.param if write.error else "") == (400, "customer")


def test_the_first_invoice_locks_the_currency(shop: Shop) -> None:
    customer = shop.customer()
    assert shop.get(f"customers/{customer}")["currency"] is None
    shop.draft(100, customer=customer, currency="eur")
    assert shop.get(f"customers/{customer}")["currency"] == "eur"
    error = shop.refused("post", "invoices", customer=customer, currency="usd")
    assert "You cannot combine currencies on a single customer" in str(error)
    assert shop.post("invoices", customer=customer)["currency"] == "eur"


def test_email_is_checked_and_filters_lists(shop: Shop) -> None:
    assert code_of(shop.refused("post", "customers", email="nobody")) == "email_invalid"
    wanted = shop.customer(email="a@b.test")
    shop.customer(email="c@d.test")
    assert [found["id"] for found in shop.get("customers", email="a@b.test")["data"]] == [wanted]
