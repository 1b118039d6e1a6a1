"""Lines: limits, order, pages, rounding, changes."""

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop, code_of, param_of


def priced(unit_amount: str, quantity: str) -> Json:
    price = {"currency": "usd", "product_data": {"name": "GB"}, "unit_amount_decimal": unit_amount}
    return {"price_data": price, "quantity_decimal": quantity}


def test_ten_lines_are_embedded_and_the_rest_is_listed_in_order(shop: Shop) -> None:
    invoice = shop.draft(*range(100, 200))
    shop.add(invoice, *range(200, 350))
    lines = shop.get(f"invoices/{invoice}")["lines"]
    assert (len(lines["data"]), lines["has_more"], lines["total_count"]) == (10, True, 250)
    amounts: list[int] = []
    cursor: Json = {}
    while True:
        page = shop.get(f"invoices/{invoice}/lines", limit=100, **cursor)
        amounts += [line["amount"] for line in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"starting_after": page["data"][-1]["id"]}
    assert amounts == list(range(100, 350))
    assert shop.get(f"invoices/{invoice}")["subtotal"] == sum(range(100, 350))


def test_more_than_250_lines_are_refused_whole(shop: Shop) -> None:
    invoice = shop.draft(*[1] * 200)
    assert "at most 250" in str(shop.refused("post", f"invoices/{invoice}/add_lines", lines=[{"amount": 1}] * 51))
    assert shop.add(invoice, *[1] * 50)["lines"]["total_count"] == 250
    assert shop.refused("post", f"invoices/{invoice}/add_lines", lines=[{"amount": 1}]).http_status == 400


def test_a_bare_amount_has_a_price_of_its_own_and_no_quantity(shop: Shop) -> None:
    invoice = shop.draft()
    for name in ("quantity", "quantity_decimal"):
        error = shop.refused("post", f"invoices/{invoice}/add_lines", lines=[{"amount": 5, name: 2}])
        assert (code_of(error), param_of(error)) == ("parameters_exclusive", "lines[0][amount]")
        assert error.user_message == f"You may only specify one of these parameters: amount, {name}."
    first, second = shop.add(invoice, -5, 7)["lines"]["data"]
    assert (first["pricing"]["unit_amount_decimal"], first["quantity"]) == ("-5", 1)
    prices = [line["pricing"]["price_details"] for line in (first, second)]
    assert [each["price"][:6] + each["product"][:5] for each in prices] == ["price_prod_"] * 2
    assert prices[0]["price"] != prices[1]["price"]
    doubled = shop.post(f"invoices/{invoice}/update_lines", lines=[{"id": second["id"], "quantity": 2}])
    assert [line["amount"] for line in doubled["lines"]["data"]] == [-5, 14]


def test_a_price_is_not_negative(shop: Shop) -> None:
    for name, value in (("unit_amount", -1), ("unit_amount_decimal", "-0.5")):
        price = {"currency": "usd", "product_data": {"name": "x"}, name: value}
        error = shop.refused("post", f"invoices/{shop.draft()}/add_lines", lines=[{"price_data": price}])
        assert param_of(error) == f"lines[0][price_data][{name}]"


def test_one_bad_line_refuses_all(shop: Shop) -> None:
    invoice = shop.draft()
    lines = [{"amount": 1}, {"amount": 1, "invoice_item": "ii_none"}]
    shop.refused("post", f"invoices/{invoice}/add_lines", lines=lines)
    shop.refused("post", f"invoices/{invoice}/add_lines", lines=[{"amount": 1}, {"pricing": {"price": "price_none"}}])
    assert shop.get(f"invoices/{invoice}")["lines"]["total_count"] == 0


@pytest.mark.parametrize(
    ("unit_amount", "quantity", "amount"),
    [
        ("0.05", "30", 2),
        ("0.05", "29", 1),
        ("1.5", "1", 2),
        ("0.000000000001", "1", 0),
        ("250", "3", 750),
    ],
)
def test_rounding_per_line(unit_amount: str, quantity: str, amount: int, shop: Shop) -> None:
    lined = shop.post(f"invoices/{shop.draft()}/add_lines", lines=[priced(unit_amount, quantity)] * 2)
    assert [line["amount"] for line in lined["lines"]["data"]] == [amount, amount]
    assert lined["subtotal"] == 2 * amount


def test_a_line_in_another_currency_is_refused(shop: Shop) -> None:
    line = priced("5", "1")
    line["price_data"]["currency"] = "eur"
    assert "must match the currency" in str(shop.refused("post", f"invoices/{shop.draft()}/add_lines", lines=[line]))


def test_periods_metadata_and_taxes_are_kept(shop: Shop) -> None:
    rate = {"display_name": "VAT", "inclusive": False, "percentage": 19}
    line = {
        "amount": 100,
        "period": {"start": 5, "end": 9},
        "metadata": {"flybill_line": "7"},
        "tax_amounts": [{"amount": 19, "taxable_amount": 100, "tax_rate_data": rate}],
    }
    lined = shop.post(f"invoices/{shop.draft()}/add_lines", lines=[line], invoice_metadata={"hash": "x"})
    (kept,) = lined["lines"]["data"]
    assert (kept["period"], kept["metadata"]) == ({"start": 5, "end": 9}, {"flybill_line": "7"})
    assert (lined["subtotal"], lined["total_excluding_tax"], lined["total"]) == (100, 100, 119)
    assert lined["metadata"] == {"hash": "x"}
    backwards = {"amount": 1, "period": {"start": 9, "end": 5}}
    assert shop.refused("post", f"invoices/{lined['id']}/add_lines", lines=[backwards]).http_status == 400


def test_update_and_remove_lines(shop: Shop) -> None:
    invoice = shop.draft(100, 200, 300)
    first, second, _ = (line["id"] for line in shop.get(f"invoices/{invoice}/lines")["data"])
    changed = shop.post(
        f"invoices/{invoice}/update_lines", lines=[{"id": first, "amount": 150}, {"id": second, "description": "x"}]
    )
    assert (changed["subtotal"], changed["lines"]["data"][1]["description"]) == (650, "x")
    removed = shop.post(f"invoices/{invoice}/remove_lines", lines=[{"id": first, "behavior": "delete"}])
    assert (removed["subtotal"], removed["lines"]["total_count"]) == (500, 2)
    gone = shop.refused("post", f"invoices/{invoice}/remove_lines", lines=[{"id": first, "behavior": "delete"}])
    assert code_of(gone) == "resource_missing"
    shop.refused("post", f"invoices/{invoice}/update_lines", lines=[{"id": second, "amount": 9}, {"id": first}])
    assert shop.get(f"invoices/{invoice}/lines")["data"][0]["amount"] == 200
    elsewhere = shop.get(f"invoices/{shop.draft(1)}/lines")["data"][0]["id"]
    assert shop.refused("post", f"invoices/{invoice}/update_lines", lines=[{"id": elsewhere}]).http_status == 400


def test_negative_lines_do_not_go_with_automatic_tax(shop: Shop) -> None:
    invoice = shop.draft(automatic_tax={"enabled": True})
    assert "Negative amounts" in str(shop.refused("post", f"invoices/{invoice}/add_lines", lines=[{"amount": -1}]))
