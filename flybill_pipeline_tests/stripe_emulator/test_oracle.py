"""The oracle: each rule seen to fire, and silent where it should be."""

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Json, Shop
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def rules(emulator: EmulatorProcess) -> list[str]:
    return [violation["rule"] for violation in emulator.report()["violations"]]


def ours(name: str, subtotal: int, lines: int) -> dict[str, str]:
    return {"flybill_invoice_id": name, "flybill_subtotal_minor": str(subtotal), "flybill_lines": str(lines)}


def test_a_good_run_is_silent(shop: Shop, emulator: EmulatorProcess) -> None:
    customer = shop.customer(metadata={"flybill_org_id": "o1"})
    wrong = shop.finalized(100, customer=customer, metadata=ours("i1", 100, 1))
    shop.post(f"invoices/{wrong['id']}/void")
    shop.finalized(60, 40, customer=customer, metadata=ours("i1", 100, 2))
    shop.delete(f"customers/{shop.customer(metadata={'flybill_org_id': 'o1'})}")
    shop.draft(metadata=ours("i2", 5, 1))
    shop.refused("get", "customers/cus_none")
    assert rules(emulator) == []


@pytest.mark.parametrize("behavior", ["exclusive", "inclusive"])
def test_tax_is_no_part_of_what_was_to_be_billed(behavior: str, shop: Shop, emulator: EmulatorProcess) -> None:
    emulator.control("POST", "tax", {"behavior": behavior})
    taxed: Json = {"customer": shop.customer(address={"country": "DE"}), "automatic_tax": {"enabled": True}}
    total = {"exclusive": 119, "inclusive": 100}[behavior]
    assert shop.finalized(60, 40, metadata=ours("i1", 100, 2), **taxed)["total"] == total
    shop.finalized(60, 40, metadata=ours("i2", 119, 2), **taxed)
    assert rules(emulator) == ["wrong_subtotal"]


def test_two_finalized_invoices_for_one_of_ours(shop: Shop, emulator: EmulatorProcess) -> None:
    pair = [shop.finalized(100, metadata=ours("i1", 100, 1))["id"] for _ in range(2)]
    (violation,) = emulator.report()["violations"]
    assert (violation["rule"], violation["ids"]) == ("duplicate_invoice", pair)
    assert "i1" in violation["message"]


def test_contents_that_differ_from_the_metadata(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.finalized(100, metadata=ours("i1", 101, 1))
    shop.finalized(100, metadata=ours("i2", 100, 2))
    assert rules(emulator) == ["wrong_subtotal", "wrong_line_count"]


def test_an_empty_finalized_invoice(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.finalized()
    assert rules(emulator) == ["empty_invoice"]


def test_an_old_draft_of_ours(shop: Shop, emulator: EmulatorProcess) -> None:
    draft = shop.draft(5, metadata=ours("i1", 5, 1))
    shop.draft(5)
    emulator.advance(DAY - 60)
    assert rules(emulator) == []
    emulator.advance(120)
    (violation,) = emulator.report()["violations"]
    assert (violation["rule"], violation["ids"]) == ("stale_draft", [draft])


def test_two_customers_for_one_org(shop: Shop, emulator: EmulatorProcess) -> None:
    pair = [shop.customer(metadata={"flybill_org_id": "o1"}) for _ in range(2)]
    shop.customer(metadata={"flybill_org_id": "o2"})
    (violation,) = emulator.report()["violations"]
    assert (violation["rule"], violation["ids"]) == ("duplicate_customer", pair)


def test_requests_that_a_correct_client_never_sends(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.refused("post", "customers", nonsense=1)
    shop.post("customers", idempotency_key="k")
    shop.refused("post", "customers", name="other", idempotency_key="k")
    assert rules(emulator) == ["bad_request", "key_reused"]


def test_a_live_key(shop: Shop, emulator: EmulatorProcess) -> None:
    Shop(emulator.url, "rk_live_1").get("customers")
    assert rules(emulator) == ["live_key"]
