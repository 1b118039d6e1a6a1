"""Customers: merging, deleting, currencies and the balance in each."""

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


def test_the_first_invoice_sets_the_default_currency_and_others_may_follow(shop: Shop) -> None:
    customer = shop.customer()
    assert shop.get(f"customers/{customer}")["currency"] is None
    shop.draft(100, customer=customer, currency="eur")
    assert shop.get(f"customers/{customer}")["currency"] == "eur"
    assert shop.finalized(100, customer=customer, currency="usd")["currency"] == "usd"
    assert shop.get(f"customers/{customer}")["currency"] == "eur"
    assert shop.post("invoices", customer=customer)["currency"] == "eur"


def test_a_credit_counts_in_its_own_currency_only(shop: Shop) -> None:
    customer = shop.payer(balance=-300)
    first = shop.finalized(1000, customer=customer, currency="eur")
    assert (first["starting_balance"], first["amount_due"]) == (-300, 700)
    yen = shop.finalized(1000, customer=customer, currency="jpy")
    assert (yen["starting_balance"], yen["amount_due"]) == (0, 1000)
    shop.post(f"invoices/{yen['id']}/pay")
    shop.post("credit_notes", invoice=yen["id"], amount=400, credit_amount=400)
    known = shop.get(f"customers/{customer}")
    assert (known["balance"], known["invoice_credit_balance"]) == (0, {"jpy": 400})
    assert shop.finalized(1000, customer=customer, currency="eur")["amount_due"] == 1000
    used = shop.finalized(1000, customer=customer, currency="jpy")
    assert (used["starting_balance"], used["amount_due"], used["ending_balance"]) == (-400, 600, 0)
    shop.post(f"invoices/{used['id']}/void")
    assert shop.get(f"customers/{customer}")["invoice_credit_balance"] == {"jpy": 400}
    told = [event["data"]["previous_attributes"] for event in shop.get("events", type="customer.updated")["data"]]
    assert [each for each in told if "invoice_credit_balance" in each] == [
        {"invoice_credit_balance": {"jpy": 0}},
        {"invoice_credit_balance": {"jpy": 400}},
        {"invoice_credit_balance": None},
    ]


def test_a_change_tells_what_was_before_and_of_metadata_only_the_keys(shop: Shop) -> None:
    customer = shop.customer(name="A", metadata={"same": "1", "drop": "2"})
    shop.post(f"customers/{customer}", name="A", metadata={"drop": "", "new": "3"}, email="a@b.test")
    told = shop.get("events", type="customer.updated")["data"]
    assert [each["data"]["previous_attributes"] for each in told] == [
        {"email": None, "metadata": {"drop": "2", "new": None}}
    ]
    shop.post(f"customers/{customer}", name="A")
    assert len(shop.get("events", type="customer.updated")["data"]) == 1


def test_email_is_checked_and_filters_lists(shop: Shop) -> None:
    assert code_of(shop.refused("post", "customers", email="nobody")) == "email_invalid"
    wanted = shop.customer(email="a@b.test")
    shop.customer(email="c@d.test")
    assert [found["id"] for found in shop.get("customers", email="a@b.test")["data"]] == [wanted]
