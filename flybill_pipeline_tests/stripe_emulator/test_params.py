"""Requests are checked against stripe-python's own types, and against the limits that the types leave out."""

from typing import Any

import pytest

from flybill_pipeline.stripe_emulator.forms import nest, parse_pairs
from flybill_pipeline_tests.stripe_emulator.helpers import Shop, code_of
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

LINE = {"amount": 1}
BAD = [
    # method, path, parameters, code, param
    ("post", "customers", {"nmae": "x"}, "parameter_unknown", "nmae"),
    ("post", "customers", {"address": {"strasse": "x"}}, "parameter_unknown", "address[strasse]"),
    ("post", "customers", {"address": "Berlin"}, None, "address"),
    ("post", "customers", {"balance": "1.5"}, "parameter_invalid_integer", "balance"),
    ("post", "customers", {"tax_exempt": "maybe"}, None, "tax_exempt"),
    ("post", "customers", {"name": "x" * 257}, None, "name"),
    ("post", "customers", {"business_name": "x" * 151}, None, "business_name"),
    ("post", "customers", {"individual_name": "x" * 151}, None, "individual_name"),
    (
        "post",
        "customers",
        {"invoice_settings": {"custom_fields": [{"name": "x" * 41, "value": "v"}]}},
        None,
        "invoice_settings[custom_fields][0][name]",
    ),
    ("get", "customers", {"email": "x" * 513}, None, "email"),
    ("post", "customers", {"metadata": {"k" * 41: "v"}}, None, "metadata[" + "k" * 41 + "]"),
    ("post", "customers", {"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
    ("post", "customers", {"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
    ("post", "customers", {"metadata": {"a[b": "v"}}, None, None),
    ("post", "customers", {"preferred_locales": "en"}, None, "preferred_locales"),
    ("post", "customers", {"invoice_settings": {"custom_fields": [{"name": "x"}]}}, "parameter_missing", None),
    ("post", "invoices", {}, "parameter_missing", "customer"),
    ("post", "invoices", {"customer": "$", "auto_advance": "yes"}, None, "auto_advance"),
    ("post", "invoices", {"customer": "$", "currency": "dollars"}, None, "currency"),
    ("post", "invoices", {"customer": "$", "collection_method": "ask"}, None, "collection_method"),
    ("post", "invoices", {"customer": "$", "collection_method": ""}, "parameter_invalid_empty", "collection_method"),
    ("post", "invoices", {"customer": "$", "description": "x" * 1501}, None, "description"),
    ("post", "invoices", {"customer": "$", "number": "x" * 27}, None, "number"),
    (
        "post",
        "invoices",
        {"customer": "$", "automatic_tax": {"liability": {"type": "self"}}},
        "parameter_missing",
        None,
    ),
    ("post", "invoices", {"customer": "$", "custom_fields": [{"name": "n", "value": "v"}] * 5}, None, "custom_fields"),
    ("post", "invoices", {"customer": "$", "lines": [LINE]}, "parameter_unknown", "lines"),
    ("post", "invoices", {"customer": "$", "days_until_due": -1}, "parameter_invalid_integer", "days_until_due"),
    ("post", "invoices/$/add_lines", {}, "parameter_missing", "lines"),
    ("post", "invoices/$/add_lines", {"lines": "one"}, None, "lines"),
    ("post", "invoices/$/add_lines", {"lines": [{"description": "x"}]}, "parameter_missing", "lines[0][amount]"),
    ("post", "invoices/$/add_lines", {"lines": [{"amount": 1.5}]}, "parameter_invalid_integer", "lines[0][amount]"),
    ("post", "invoices/$/add_lines", {"lines": [{"amount": "1e3"}]}, "parameter_invalid_integer", "lines[0][amount]"),
    ("post", "invoices/$/add_lines", {"lines": [{"amount": 2**63}]}, "parameter_invalid_integer", "lines[0][amount]"),
    ("post", "invoices/$/add_lines", {"lines": [LINE | {"period": {"start": 1}}]}, "parameter_missing", None),
    ("post", "invoices/$/add_lines", {"lines": [LINE | {"description": "x" * 5001}]}, None, "lines[0][description]"),
    ("post", "invoices/$/add_lines", {"lines": [LINE | {"amonut": 1}]}, "parameter_unknown", "lines[0][amonut]"),
    ("post", "invoices/$/add_lines", {"lines": [LINE | {"quantity": -1}]}, "parameter_invalid_integer", None),
    ("post", "invoices/$/add_lines", {"lines": [LINE | {"quantity_decimal": "0.0000000000001"}]}, None, None),
    (
        "post",
        "invoices/$/add_lines",
        {"lines": [LINE | {"quantity_decimal": "1E-7"}]},
        None,
        "lines[0][quantity_decimal]",
    ),
    ("post", "invoices/$/add_lines", {"lines": [LINE | {"quantity_decimal": "-0.5"}]}, None, None),
    ("post", "invoices/$/finalize", {"advance": "true"}, "parameter_unknown", "advance"),
    ("get", "invoices", {"limit": 101}, "parameter_invalid_integer", "limit"),
    ("get", "invoices", {"limit": 0}, "parameter_invalid_integer", "limit"),
    ("get", "invoices", {"number": "A-1"}, "parameter_unknown", "number"),
    ("get", "invoices", {"status": "finalized"}, None, "status"),
    ("get", "invoices", {"created": {"after": 5}}, "parameter_unknown", "created[after]"),
    ("get", "invoices", {"created": "yesterday"}, "parameter_invalid_integer", "created"),
    ("get", "invoices/$", {"fields": "id"}, "parameter_unknown", "fields"),
    ("get", "invoices/$/lines", {"limit": "many"}, "parameter_invalid_integer", "limit"),
    ("get", "events", {"types": [f"t{n}" for n in range(21)]}, None, "types"),
    ("post", "credit_notes", {"amount": 5}, "parameter_missing", "invoice"),
]


@pytest.mark.parametrize("request_and_refusal", BAD)
def test_bad_requests(
    request_and_refusal: tuple[str, str, dict[str, Any], str | None, str | None], shop: Shop, emulator: EmulatorProcess
) -> None:
    method, path, params, code, param = request_and_refusal
    invoice = shop.draft()
    customer = shop.get(f"invoices/{invoice}")["customer"]
    filled = {name: customer if value == "$" else value for name, value in params.items()}
    error = shop.refused(method, path.replace("$", invoice), **filled)
    assert error.http_status == 400
    assert error.error is not None and error.error.type == "invalid_request_error"
    assert code is None or code_of(error) == code
    assert param is None or error.error.param == param
    violations = emulator.report()["violations"]
    assert [violation["rule"] for violation in violations] == ["bad_request"]
    assert violations[0]["ids"] == [error.request_id]
    assert shop.get(f"invoices/{invoice}")["lines"]["total_count"] == 0


def test_good_requests_of_every_shape(shop: Shop, emulator: EmulatorProcess) -> None:
    customer = shop.customer(
        address={"country": "DE", "line1": "Allee 1"},
        preferred_locales=["de", "en"],
        tax_exempt="",
        shipping={"name": "x", "address": {"city": "Bonn"}},
        metadata={"note": "ä & = [no]"},
        expand=["tax_ids"],
    )
    invoice = shop.draft(
        customer=customer,
        discounts="",
        currency="USD",
        custom_fields=[{"name": "PO", "value": "7"}],
        payment_settings={
            "payment_method_types": ["card"],
            "payment_method_options": {"card": {"request_three_d_secure": "any"}},
        },
        rendering={"pdf": {"page_size": "a4"}},
    )
    shop.post(
        f"invoices/{invoice}/add_lines",
        lines=[
            {"amount": -5, "metadata": {"a": "b"}},
            {
                "price_data": {"currency": "usd", "product_data": {"name": "GB"}, "unit_amount_decimal": "0.05"},
                "quantity_decimal": "30.000000000001",
            },
            {
                "amount": 3,
                "tax_amounts": [
                    {
                        "amount": 1,
                        "taxable_amount": 3,
                        "tax_rate_data": {"display_name": "VAT", "inclusive": False, "percentage": 19.5},
                    }
                ],
            },
        ],
        invoice_metadata={"m": "1"},
    )
    shop.get("invoices", created={"gte": 5}, due_date={"lt": 99}, limit=100, **{"expand[]": "data.customer"})
    assert shop.get(f"customers/{customer}")["metadata"] == {"note": "ä & = [no]"}
    assert emulator.report()["violations"] == []


def test_forms_nest_and_contradict() -> None:
    pairs = parse_pairs(b"a=1&b[c][0][d]=x+y&b[c][1][d]=%C3%A9&types[]=p&types[]=q&empty=")
    assert nest(pairs) == {
        "a": "1",
        "b": {"c": {"0": {"d": "x y"}, "1": {"d": "é"}}},
        "types": {"0": "p", "1": "q"},
        "empty": "",
    }


def test_a_name_cannot_be_value_and_container(shop: Shop) -> None:
    assert shop.refused("post", "customers", **{"address": "x", "address[city]": "y"}).http_status == 400
    assert shop.refused("post", "customers", **{"address[city]": "y", "address": "x"}).http_status == 400
