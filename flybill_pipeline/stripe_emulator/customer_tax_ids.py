"""The tax ids of customers. Belongs here: their endpoints, which forms are refused. Does not: what tax follows."""

from __future__ import annotations

import re

from .call import Call, new_id, require
from .errors import no_such
from .events import emit
from .pages import Page, list_page
from .store import Json, load

_REFUSED_BY_FORM = {  # the few whose form the real API is known to check; the documentation has an example of each
    "eu_vat": r"(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[A-Z0-9]{2,12}",
    "gb_vat": r"GB([0-9]{9}|[0-9]{12}|(GD|HA)[0-9]{3})",
    "us_ein": r"[0-9]{9}",
}


def create_tax_id(call: Call, params: Json, customer_id: str) -> Json:
    """POST /v1/customers/{id}/tax_ids."""
    call.live_customer(customer_id, param="id", status=404)
    kind, value = params["type"], params["value"]
    form = _REFUSED_BY_FORM.get(kind, ".+")
    letters = re.sub(r"[\s./-]", "", value)
    require(bool(re.fullmatch(form, letters)), f"Invalid value for {kind}.", code="tax_id_invalid", param="value")
    tax_id: Json = {
        "id": new_id("txi"),
        "object": "tax_id",
        "country": letters[:2] if kind == "eu_vat" else kind[:2].upper(),
        "created": call.now,
        "customer": customer_id,
        "customer_account": None,
        "livemode": call.livemode,
        "owner": {"customer": customer_id, "customer_account": None, "type": "customer"},
        "type": kind,
        "value": value,
        "verification": {"status": "pending", "verified_address": None, "verified_name": None},
    }
    call.store.insert(tax_id)
    emit(call, "customer.tax_id.created", tax_id)
    return tax_id


def tax_ids_of(call: Call, customer_id: str) -> list[Json]:
    """What an invoice repeats of its customer's tax ids."""
    query = "select body from objects where kind = 'tax_id' and customer = ? order by seq"
    known = [load(body) for (body,) in call.store.rows(query, (customer_id,))]
    return [{"type": tax_id["type"], "value": tax_id["value"]} for tax_id in known]


def list_tax_ids(call: Call, params: Json, customer_id: str) -> Json:
    """GET /v1/customers/{id}/tax_ids."""
    call.live_customer(customer_id, param="id", status=404)
    page = Page("tax_id", f"/v1/customers/{customer_id}/tax_ids").where("customer", customer_id)
    return list_page(call, page, params)


def delete_tax_id(call: Call, _params: Json, ids: str) -> Json:
    """DELETE /v1/customers/{id}/tax_ids/{id}."""
    customer_id, tax_id_id = ids.split("/")
    call.live_customer(customer_id, param="id", status=404)
    tax_id = call.find("tax_id", tax_id_id, param="id", status=404)
    if tax_id["customer"] != customer_id:
        raise no_such("tax_id", tax_id_id, param="id", status=404)
    call.store.delete(tax_id_id)
    emit(call, "customer.tax_id.deleted", tax_id)
    return {"id": tax_id_id, "object": "tax_id", "deleted": True}
