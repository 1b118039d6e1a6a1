"""The tax ids of customers: made, listed, deleted; what has another form than its type is refused."""

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import Shop, code_of


def test_a_tax_id_is_made_listed_and_deleted(shop: Shop) -> None:
    customer, other = shop.customer(), shop.customer()
    made = shop.post(f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")
    assert (made["object"], made["country"], made["customer"]) == ("tax_id", "DE", customer)
    assert [each["id"] for each in shop.get(f"customers/{customer}/tax_ids")["data"]] == [made["id"]]
    assert shop.get(f"customers/{other}/tax_ids")["data"] == []
    missing = shop.refused("delete", f"customers/{other}/tax_ids/{made['id']}")
    assert (missing.http_status, code_of(missing)) == (404, "resource_missing")
    gone = shop.delete(f"customers/{customer}/tax_ids/{made['id']}")
    assert gone == {"id": made["id"], "object": "tax_id", "deleted": True}
    assert shop.get(f"customers/{customer}/tax_ids")["data"] == []


def test_an_invoice_repeats_the_tax_ids_of_the_moment_when_it_became_final(shop: Shop) -> None:
    customer = shop.customer()
    shop.post(f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")
    draft = shop.post("invoices", customer=customer)
    assert draft["customer_tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
    shop.post(f"customers/{customer}/tax_ids", type="us_ein", value="12-3456789")
    final = shop.finalized(500, customer=customer)
    assert [each["type"] for each in final["customer_tax_ids"]] == ["eu_vat", "us_ein"]
    shop.post(f"customers/{customer}/tax_ids", type="gb_vat", value="GB123456789")
    assert len(shop.get(f"invoices/{final['id']}")["customer_tax_ids"]) == 2


@pytest.mark.parametrize(("kind", "value"), [("eu_vat", "hello"), ("gb_vat", "GB1"), ("us_ein", "1-2")])
def test_a_tax_id_of_another_form_is_refused(shop: Shop, kind: str, value: str) -> None:
    error = shop.refused("post", f"customers/{shop.customer()}/tax_ids", type=kind, value=value)
    assert (error.http_status, code_of(error)) == (400, "tax_id_invalid")


def test_a_type_that_nobody_knows_and_a_customer_that_is_gone_are_refused(shop: Shop) -> None:
    customer = shop.customer()
    error = shop.refused("post", f"customers/{customer}/tax_ids", type="xx_vat", value="1")
    assert error.http_status == 400
    shop.delete(f"customers/{customer}")
    gone = shop.refused("post", f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")
    assert (gone.http_status, code_of(gone)) == (404, "resource_missing")
