"""The table of endpoints: method and path to name, parameter type and handler. Belongs here: which endpoints exist.
Does not: what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stripe import params as p
from stripe.params.tax import SettingsRetrieveParams, SettingsUpdateParams

from . import (
    credit_notes,
    customer_tax_ids,
    customers,
    events,
    finalization,
    invoice_lines,
    invoices,
    money_back,
    objects,
    payments,
    revisions,
    tax_settings,
)
from .call import Call
from .params import Decoder, compile_params
from .store import Json

Handler = Callable[[Call, dict[str, Any], str], Json]


@dataclass(frozen=True)
class Route:
    """One endpoint: `/v1/{collection}`, with an id if `has_id`, followed by `action` if it is not empty.

    Where the path goes on with the id of a `part`, the handler is given both ids, with a slash between them.
    """

    name: str
    method: str
    collection: str
    has_id: bool
    action: str
    params_type: type
    handler: Handler
    part: bool = False
    decode: Decoder = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decode", compile_params(self.params_type))


def _retrieve_account(call: Call, _params: Json, _id: str) -> Json:
    return objects.account(call.account_id)


def _action(name: str, action: str, params_type: type, handler: Handler, method: str = "POST") -> Route:
    return Route(name, method, "invoices", True, action, params_type, handler)


_TAX = "tax/settings"
ROUTES = (
    Route("create_customer", "POST", "customers", False, "", p.CustomerCreateParams, customers.create_customer),
    Route("retrieve_customer", "GET", "customers", True, "", p.CustomerRetrieveParams, customers.retrieve_customer),
    Route("list_customers", "GET", "customers", False, "", p.CustomerListParams, customers.list_customers),
    Route("update_customer", "POST", "customers", True, "", p.CustomerUpdateParams, customers.update_customer),
    Route("delete_customer", "DELETE", "customers", True, "", p.CustomerDeleteParams, customers.delete_customer),
    Route(
        "create_tax_id",
        "POST",
        "customers",
        True,
        "tax_ids",
        p.CustomerCreateTaxIdParams,
        customer_tax_ids.create_tax_id,
    ),
    Route(
        "list_tax_ids", "GET", "customers", True, "tax_ids", p.CustomerListTaxIdsParams, customer_tax_ids.list_tax_ids
    ),
    Route(
        "delete_tax_id",
        "DELETE",
        "customers",
        True,
        "tax_ids",
        p.CustomerDeleteTaxIdParams,
        customer_tax_ids.delete_tax_id,
        part=True,
    ),
    Route("create_invoice", "POST", "invoices", False, "", p.InvoiceCreateParams, revisions.create_invoice_or_revision),
    Route("retrieve_invoice", "GET", "invoices", True, "", p.InvoiceRetrieveParams, invoices.retrieve_invoice),
    Route("list_invoices", "GET", "invoices", False, "", p.InvoiceListParams, invoices.list_invoices),
    Route("update_invoice", "POST", "invoices", True, "", p.InvoiceUpdateParams, invoices.update_invoice),
    Route("delete_invoice", "DELETE", "invoices", True, "", p.InvoiceDeleteParams, invoices.delete_invoice),
    _action("add_lines", "add_lines", p.InvoiceAddLinesParams, invoice_lines.add_lines),
    _action("update_lines", "update_lines", p.InvoiceUpdateLinesParams, invoice_lines.update_lines),
    _action("remove_lines", "remove_lines", p.InvoiceRemoveLinesParams, invoice_lines.remove_lines),
    _action("list_lines", "lines", p.InvoiceLineItemListParams, invoice_lines.list_lines, "GET"),
    _action("finalize_invoice", "finalize", p.InvoiceFinalizeInvoiceParams, finalization.finalize_invoice),
    _action("void_invoice", "void", p.InvoiceVoidInvoiceParams, finalization.void_invoice),
    _action("pay_invoice", "pay", p.InvoicePayParams, payments.pay_invoice),
    _action("send_invoice", "send", p.InvoiceSendInvoiceParams, finalization.send_invoice),
    _action(
        "mark_uncollectible", "mark_uncollectible", p.InvoiceMarkUncollectibleParams, finalization.mark_uncollectible
    ),
    Route(
        "create_credit_note",
        "POST",
        "credit_notes",
        False,
        "",
        p.CreditNoteCreateParams,
        credit_notes.create_credit_note,
    ),
    Route(
        "preview_credit_note",
        "GET",
        "credit_notes/preview",
        False,
        "",
        p.CreditNotePreviewParams,
        credit_notes.preview_credit_note,
    ),
    Route(
        "retrieve_credit_note",
        "GET",
        "credit_notes",
        True,
        "",
        p.CreditNoteRetrieveParams,
        credit_notes.retrieve_credit_note,
    ),
    Route(
        "list_credit_notes", "GET", "credit_notes", False, "", p.CreditNoteListParams, credit_notes.list_credit_notes
    ),
    Route(
        "void_credit_note",
        "POST",
        "credit_notes",
        True,
        "void",
        p.CreditNoteVoidCreditNoteParams,
        credit_notes.void_credit_note,
    ),
    Route(
        "list_invoice_payments",
        "GET",
        "invoice_payments",
        False,
        "",
        p.InvoicePaymentListParams,
        money_back.list_invoice_payments,
    ),
    Route(
        "retrieve_invoice_payment",
        "GET",
        "invoice_payments",
        True,
        "",
        p.InvoicePaymentRetrieveParams,
        money_back.retrieve_invoice_payment,
    ),
    Route("retrieve_refund", "GET", "refunds", True, "", p.RefundRetrieveParams, money_back.retrieve_refund),
    Route("retrieve_dispute", "GET", "disputes", True, "", p.DisputeRetrieveParams, money_back.retrieve_dispute),
    Route("create_refund", "POST", "refunds", False, "", p.RefundCreateParams, money_back.create_refund),
    Route("list_refunds", "GET", "refunds", False, "", p.RefundListParams, money_back.list_refunds),
    Route("list_disputes", "GET", "disputes", False, "", p.DisputeListParams, money_back.list_disputes),
    Route("close_dispute", "POST", "disputes", True, "close", p.DisputeCloseParams, money_back.close_dispute),
    Route("list_events", "GET", "events", False, "", p.EventListParams, events.list_events),
    Route("retrieve_event", "GET", "events", True, "", p.EventRetrieveParams, events.retrieve_event),
    Route("retrieve_tax_settings", "GET", _TAX, False, "", SettingsRetrieveParams, tax_settings.retrieve_settings),
    Route("update_tax_settings", "POST", _TAX, False, "", SettingsUpdateParams, tax_settings.update_settings),
    Route("retrieve_account", "GET", "account", False, "", p.AccountRetrieveCurrentParams, _retrieve_account),
)

ALIASES = {
    "create": "create_invoice",
    "retrieve": "retrieve_invoice",
    "list": "list_invoices",
    "update": "update_invoice",
    "delete": "delete_invoice",
    "finalize": "finalize_invoice",
    "void": "void_invoice",
    "pay": "pay_invoice",
    "send": "send_invoice",
    "lines": "list_lines",
}
"""Short names of the invoice endpoints in fault plans."""

ENDPOINTS = tuple(route.name for route in ROUTES)

_BY_SHAPE = {(route.method, route.collection, route.has_id, route.action, route.part): route for route in ROUTES}


def find_route(method: str, path: str) -> tuple[Route | None, str]:
    """The endpoint of a path, and the object id in it, with that of a part (empty if there is none)."""
    version, _, rest = path.removeprefix("/").partition("/")
    if version == "v1" and "/" in rest and (single := _BY_SHAPE.get((method, rest, False, "", False))):
        return single, ""
    collection, *more = rest.split("/")
    object_id, action, part, *extra = [*more, "", "", ""]
    if version != "v1" or any(extra) or (more and not object_id):
        return None, ""
    shape = (method, collection, bool(object_id), action, bool(part))
    return _BY_SHAPE.get(shape), f"{object_id}/{part}" if part else object_id
