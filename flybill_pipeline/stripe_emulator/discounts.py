"""Coupons and the discounts made from them. Belongs here: attaching and looking them up. Does not: what they take off
(`amounts`). stripe-python 16.1 has no parameter to put a coupon on a customer: the control API does it."""

from __future__ import annotations

from .call import Call, new_id, require
from .store import Json


def create_coupon(call: Call, coupon_id: str, *, percent_off: float | None, amount_off: int | None) -> Json:
    """A coupon; percent_off in percent, or amount_off in minor units."""
    coupon = {
        "id": coupon_id,
        "object": "coupon",
        "amount_off": amount_off,
        "created": call.now,
        "livemode": call.livemode,
        "percent_off": percent_off,
        "valid": True,
    }
    call.store.delete(coupon_id)
    call.store.insert(coupon)
    return coupon


def new_discount(call: Call, coupon_id: str, *, customer: str, invoice: str | None, param: str) -> Json:
    """A discount made from an existing coupon."""
    coupon = call.find("coupon", coupon_id, param=param)
    discount = {
        "id": new_id("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": customer,
        "customer_account": None,
        "end": None,
        "invoice": invoice,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": call.now,
        "subscription": None,
        "subscription_item": None,
    }
    call.store.insert(discount)
    return discount


def discounts_of(call: Call, params: Json, customer: Json, invoice_id: str) -> list[str]:
    """The discount ids of a new invoice: the customer's own unless the request names others or, by "", none."""
    if "discounts" not in params:
        return [customer["discount"]["id"]] if customer["discount"] else []
    return requested_discounts(call, params["discounts"] or [], customer["id"], invoice_id)


def requested_discounts(call: Call, requested: list[Json], customer_id: str, invoice_id: str) -> list[str]:
    """The discount ids of an explicit list of coupons or existing discounts."""
    ids = []
    for index, entry in enumerate(requested):
        param = f"discounts[{index}]"
        require("promotion_code" not in entry, f"No such promotion code: '{entry.get('promotion_code')}'", param=param)
        if "discount" in entry:
            ids.append(call.find("discount", entry["discount"], param=param)["id"])
        else:
            coupon_id = entry.get("coupon") or ""
            ids.append(new_discount(call, coupon_id, customer=customer_id, invoice=invoice_id, param=param)["id"])
    return ids


def with_coupons(call: Call, discount_ids: list[str]) -> list[Json]:
    """The discounts with their coupons expanded, as `amounts` wants them."""
    expanded = []
    for discount_id in discount_ids:
        discount = call.find("discount", discount_id, param="discounts")
        coupon = call.find("coupon", discount["source"]["coupon"], param="discounts")
        expanded.append(discount | {"source": {"type": "coupon", "coupon": coupon}})
    return expanded
