"""The limits that Stripe documents but stripe-python's types do not carry. Belongs here: numbers as data, keyed by
`TypedDict.field`. Does not: the checks themselves (`params`)."""

from __future__ import annotations

from dataclasses import dataclass

METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500
DECIMAL_PLACES = 12


@dataclass(frozen=True)
class Limit:
    """What one field may hold. length: characters; low, high: integers; items: list members."""

    length: int = 5000
    low: int = -(2**63)
    high: int = 2**63 - 1
    items: int = 250


NO_LIMIT = Limit()

_INVOICE = {
    "description": Limit(length=1500),
    "footer": Limit(length=5000),
    "number": Limit(length=26),
    "statement_descriptor": Limit(length=22),
    "custom_fields": Limit(items=4),
    "days_until_due": Limit(low=0),
}
_CUSTOM_FIELD = {"name": Limit(length=40), "value": Limit(length=140)}
_CUSTOMER = {
    "name": Limit(length=256),
    "business_name": Limit(length=150),
    "individual_name": Limit(length=150),
    "email": Limit(length=512),
    "phone": Limit(length=20),
    "invoice_prefix": Limit(length=12),
    "next_invoice_sequence": Limit(low=1),
}
_LINE = {
    "description": Limit(length=5000),
    "quantity": Limit(low=0),
    "quantity_decimal": Limit(low=0),
    "tax_amounts": Limit(items=20),
}
_TAX_RATE = {"display_name": Limit(length=200), "jurisdiction": Limit(length=200)}
_PRICE = {"unit_amount": Limit(low=0), "unit_amount_decimal": Limit(low=0)}
_PRODUCT = {"description": Limit(length=40_000), "unit_label": Limit(length=12), "images": Limit(items=8)}
_CREDIT_NOTE = {name: Limit(low=0) for name in ("amount", "credit_amount", "refund_amount", "out_of_band_amount")}
_CREDIT_NOTE_LINE = {name: Limit(low=0) for name in ("quantity", "unit_amount", "amount")}
_PAGE = {"limit": Limit(low=1, high=100)}

_BY_TYPE: dict[str, dict[str, Limit]] = {
    "InvoiceCreateParams": _INVOICE,
    "InvoiceUpdateParams": _INVOICE,
    "InvoiceCreateParamsCustomField": _CUSTOM_FIELD,
    "InvoiceUpdateParamsCustomField": _CUSTOM_FIELD,
    "CustomerCreateParams": _CUSTOMER,
    "CustomerUpdateParams": _CUSTOMER,
    "CustomerCreateParamsInvoiceSettingsCustomField": _CUSTOM_FIELD,
    "CustomerUpdateParamsInvoiceSettingsCustomField": _CUSTOM_FIELD,
    "InvoiceAddLinesParamsLine": _LINE,
    "InvoiceUpdateLinesParamsLine": _LINE,
    "InvoiceAddLinesParamsLinePriceData": _PRICE,
    "InvoiceUpdateLinesParamsLinePriceData": _PRICE,
    "InvoiceAddLinesParamsLineTaxAmountTaxRateData": _TAX_RATE,
    "InvoiceUpdateLinesParamsLineTaxAmountTaxRateData": _TAX_RATE,
    "InvoiceAddLinesParamsLinePriceDataProductData": _PRODUCT,
    "InvoiceUpdateLinesParamsLinePriceDataProductData": _PRODUCT,
    "CustomerListParams": _PAGE | {"email": Limit(length=512)},
    "InvoiceListParams": _PAGE,
    "InvoiceLineItemListParams": _PAGE,
    "CreditNoteListParams": _PAGE,
    "EventListParams": _PAGE | {"types": Limit(items=20)},
    "CreditNoteCreateParams": _CREDIT_NOTE,
    "CreditNotePreviewParams": _CREDIT_NOTE,
    "CreditNoteCreateParamsLine": _CREDIT_NOTE_LINE,
    "CreditNotePreviewParamsLine": _CREDIT_NOTE_LINE,
}


def limit_of(type_name: str, field: str) -> Limit:
    """The limit of one field of a parameter type; the widest one when none is documented."""
    return _BY_TYPE.get(type_name, {}).get(field, NO_LIMIT)
