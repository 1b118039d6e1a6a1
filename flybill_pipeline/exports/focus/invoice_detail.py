"""Rows of Invoice Detail: a line of an invoice each, as the customer has it, and each credit note. No cost is split."""

from collections.abc import Iterator

from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.exports.focus.charges import detail_id
from flybill_pipeline.exports.focus.columns import Row, billing_period, json_text
from flybill_pipeline.exports.focus.kinds import CREDIT, corrects, kind_of, service_of, sku_of, tags_of
from flybill_pipeline.exports.focus.units import focus_unit
from flybill_pipeline.questions.billed import Billed
from flybill_pipeline.stores.invoicing.organizations import SENT


def details(billed: Billed, provider: str) -> Iterator[Row]:
    """The rows of the month's invoice, line by line, then of the credit notes that were issued in the month."""
    every = {
        "BillingAccountId": billed.org.org_id,
        **billing_period(billed.month),
        "InvoiceIssuerName": provider,
        "InvoiceIssueStatus": "Issued",
        "PaymentTerms": _terms(billed),
    }
    if billed.invoice is not None:
        issued = {
            "InvoiceId": billed.invoice.number,
            "PurchaseOrderNumber": billed.org.purchase_order,
            **dict.fromkeys(
                ("InvoiceDetailCreated", "InvoiceDetailLastUpdated", "InvoiceIssueDate"), billed.invoice.finalized_at
            ),
        }
        for number, line in enumerate(billed.invoice.lines, start=1):
            yield {**every, **issued, **_detail(line, number, billed)}
    for note in billed.credit_notes:
        yield {**every, **_credited(note, billed)}


def _terms(billed: Billed) -> str:
    if billed.org.collection_method == SENT:
        return f"Net {billed.org.days_until_due}"
    return "Charged automatically"


def _detail(line: LineItem, number: int, billed: Billed) -> Row:
    invoice = billed.invoice.number if billed.invoice else ""
    of_earlier = billed.numbers.get(str(line.service_month)) if corrects(line, billed.month) else None
    grain = {
        "ServiceName": service_of(line),
        "SkuId": sku_of(line) or "",
        "RegionId": line.dimensions.get("region", ""),
        "x_LineKind": line.kind,
        "x_ServiceMonth": str(line.service_month),
    }
    return {
        "BilledCost": from_minor(line.amount_minor, line.currency),
        "BillingCurrency": line.currency.upper(),
        "ChargeCategory": kind_of(line).category,
        "InvoiceDetailDescription": line.description,
        "InvoiceDetailGrain": json_text(tags_of(grain)),
        "InvoiceDetailId": detail_id(invoice, number),
        "ReferenceInvoiceId": of_earlier or invoice,
        "x_Quantity": line.quantity if line.unit else None,
        "x_Unit": focus_unit(line.unit) if line.unit else None,
    }


def _credited(note: CreditNote, billed: Billed) -> Row:
    return {
        "BilledCost": from_minor(-note.amount_minor, note.currency),
        "BillingCurrency": note.currency.upper(),
        "ChargeCategory": CREDIT,
        "InvoiceDetailCreated": note.requested_at,
        "InvoiceDetailDescription": note.reason,
        "InvoiceDetailGrain": json_text({"x_InvoiceLine": str(note.line_no)}),
        "InvoiceDetailId": detail_id(note.number, 1),
        "InvoiceDetailLastUpdated": note.issued_at or note.requested_at,
        "InvoiceId": note.number,
        "InvoiceIssueDate": note.issued_at,
        "ReferenceInvoiceId": billed.numbers.get(note.month, note.number),
    }
