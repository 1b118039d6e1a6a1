"""Rows of Cost and Usage: each line of an invoice by portion and price, each discount by what it is taken off.

All rows of a line sum to the line, in cents. Credit notes are rows too: `credited`.
"""

from collections.abc import Iterator, Mapping, Sequence

from flybill_pipeline.billing.invoicing.after_discounts import PAYS
from flybill_pipeline.billing.invoicing.commitments import counts
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT
from flybill_pipeline.billing.money.amounts import from_minor, to_minor
from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.usage.service_categories import OTHER
from flybill_pipeline.exports.focus.columns import Cell, Row, billing_period, json_text
from flybill_pipeline.exports.focus.commitments import applied
from flybill_pipeline.exports.focus.kinds import (
    CREDIT,
    PRICED,
    UNASKED,
    USAGE,
    corrects,
    kind_of,
    service_of,
    sku_of,
    tags_of,
)
from flybill_pipeline.exports.focus.pieces import Piece, part_of, pieces_of, shared
from flybill_pipeline.exports.focus.units import focus_unit
from flybill_pipeline.questions.billed import Billed
from flybill_pipeline.stores.invoicing.recorded_lines import Uninvoiced

CORRECTION = "Correction"
REGION = "region"
"""The dimension that FOCUS has a column for."""


def charges(billed: Billed, provider: str) -> Iterator[Row]:
    """The rows of what was billed in the month, in order of its lines, then the credit notes.

    Of a month without an invoice they name none, and come to nothing: what was carried over or waived is taken off.
    """
    every = _of_all(billed, provider)
    lines = {line.line_id: line for line in billed.lines}
    for number, line in enumerate(billed.lines, start=1):
        of_line = _of_line(line, billed.month) | _category(billed.categories.get(line.meter or "", OTHER))
        if billed.invoice is not None:
            named = detail_id(billed.invoice.number, number)
            of_line |= {"InvoiceId": billed.invoice.number, "InvoiceDetailId": named}
        for row in _rows(line, lines, billed.month):
            committed = billed.committed is not None and _counts(line, billed.month)
            minimum = {"ContractApplied": applied(billed, row["BilledCost"])} if committed else {}
            yield {**every, **of_line, **row, **minimum}
    if billed.uninvoiced is not None and (left := total_minor(billed.lines)):
        yield {**every, **_not_asked_for(billed.uninvoiced, left, billed.month)}
    for note in billed.credit_notes:
        yield {**every, **_credited(note)}


def detail_id(invoice_number: str, line: int) -> str:
    """Names a line of an invoice among those of all invoices; lines count from 1."""
    return f"{invoice_number}/{line}"


def _of_all(billed: Billed, provider: str) -> Row:
    return {
        "BillingAccountId": billed.org.org_id,
        "BillingAccountName": billed.org.name,
        **billing_period(billed.month),
        "InvoiceIssuerName": provider,
        "ServiceProviderName": provider,
        **_category(OTHER),
    }


def _category(name: str) -> dict[str, Cell]:
    return {"ServiceCategory": name, "ServiceSubcategory": f"Other ({name})"}


def _of_line(line: LineItem, month: Month) -> dict[str, Cell]:
    kind = kind_of(line)
    return {
        "BillingCurrency": line.currency.upper(),
        "ChargeCategory": kind.category,
        "ChargeClass": CORRECTION if corrects(line, month) else None,
        "ChargeDescription": line.description,
        "ChargeFrequency": kind.frequency,
        **_charge_period(line.service_month),
        "ServiceName": service_of(line),
        "SkuId": sku_of(line),
        "SkuMeter": line.title or line.meter,
        **_where(line.dimensions),
        "x_LineKind": line.kind,
    }


def _charge_period(month: Month) -> Row:
    return {"ChargePeriodStart": month.start, "ChargePeriodEnd": month.end}


def _counts(line: LineItem, month: Month) -> bool:
    """Whether it counts for the month's minimum: what is billed for the month itself, before discounts."""
    return counts(line, month) and line.kind not in {*PAYS, "discount"}


def _rows(line: LineItem, lines: Mapping[str, LineItem], month: Month) -> Iterator[Row]:
    if line.kind == "discount":
        yield from _discounted(line, lines, month)
    elif line.kind != ADJUSTMENT and kind_of(line).category in PRICED:
        yield from _priced(line)
    else:
        yield from (_unpriced(line, portion) for portion in _portions(line))


def _portions(line: LineItem) -> Sequence[Portion]:
    return line.portions or (Portion({}, line.quantity, line.amount_minor),)


def _priced(line: LineItem) -> Iterator[Row]:
    """A row for each portion and unit price."""
    pieces, portions = pieces_of(line), _portions(line)
    sign = 1 if sum((portion.quantity for portion in portions), ZERO) >= 0 else -1
    weights = [max(sign * portion.quantity, ZERO) for portion in portions]
    whole, passed = sum(weights, ZERO), ZERO
    for portion, weight in zip(portions, weights, strict=True):
        parts = [part_of(piece, passed, weight, whole) for piece in pieces] if len(portions) > 1 else pieces
        passed += weight
        for part, minor in zip(parts, shared(portion.amount_minor, parts, line.currency), strict=True):
            if part.quantity or minor or len(parts) == 1:
                yield {**_tagged(line, portion), **_billed(minor, line.currency), **_price(line, part)}


def _price(line: LineItem, piece: Piece) -> Row:
    of_usage = kind_of(line).category == USAGE
    return {
        "ContractedCost": piece.cost,
        "ListCost": piece.cost,
        "ContractedUnitPrice": piece.unit_price,
        "PricingCategory": "Standard",
        "PricingQuantity": piece.quantity,
        "PricingUnit": focus_unit(piece.unit),
        "ConsumedQuantity": piece.consumed if of_usage else None,
        "ConsumedUnit": focus_unit(line.unit or "item") if of_usage else None,
        "SkuPriceId": f"{sku_of(line)}#{piece.price}",
        "SkuPriceDetails": json_text({"x_Price": piece.price}),
    }


def _unpriced(line: LineItem, portion: Portion) -> Row:
    """An amount that is no quantity times a price: a difference, a payment, a fee that nothing was used for."""
    corrected: Row = {"x_Quantity": portion.quantity, "x_Unit": focus_unit(line.unit)} if line.unit else {}
    return {**_tagged(line, portion), **_billed(portion.amount_minor, line.currency), **corrected}


def _tagged(line: LineItem, portion: Portion) -> Row:
    """Whose part it is: all dimensions as tags; one that the line is shown by alone, such as its app, as resource."""
    tags = tags_of(line.dimensions, portion.dimensions)
    row = {**_where(tags), "Tags": json_text(tags)}
    for name, value in portion.dimensions.items():
        if value and name != REGION and len(portion.dimensions) == 1:
            row |= {"ResourceId": value, "ResourceName": value, "ResourceType": name}
    return row


def _where(dimensions: Mapping[str, str]) -> dict[str, Cell]:
    region = dimensions.get(REGION) or None
    return {"RegionId": region, "RegionName": region}


def _billed(minor: int, currency: str) -> Row:
    """A row whose costs are all what was billed, until its price says otherwise."""
    cost = from_minor(minor, currency)
    return dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), cost)


def _discounted(discount: LineItem, lines: Mapping[str, LineItem], month: Month) -> Iterator[Row]:
    """A row for each line that it is taken off, with the line's service: who sums these has what the service cost."""
    steps = [(lines.get(step.note or ""), to_minor(step.amount, discount.currency)) for step in discount.working]
    known = all(line is not None for line, _ in steps)
    if not steps or not known or sum(minor for _, minor in steps) != discount.amount_minor:
        yield _billed(discount.amount_minor, discount.currency)
        return
    for line, minor in steps:
        if line is not None:
            of = _of_line(line, month)
            names = ("ServiceName", "SkuId", "SkuMeter", "RegionId", "RegionName")
            yield {**{name: of[name] for name in names}, **_billed(minor, discount.currency)}


def _not_asked_for(month_of: Uninvoiced, minor: int, month: Month) -> Row:
    """What the month came to and no invoice of it asks for: taken off, so that it counts once, where it is billed."""
    kind, words = UNASKED[month_of.outcome]
    currency = month_of.lines[0].currency
    return {
        "BillingCurrency": currency.upper(),
        "ChargeCategory": kind.category,
        "ChargeDescription": words,
        "ChargeFrequency": kind.frequency,
        **_charge_period(month),
        "ServiceName": kind.service,
        "x_LineKind": month_of.outcome,
        **_billed(-minor, currency),
    }


def _credited(note: CreditNote) -> Row:
    month = Month.parse(note.month)
    return {
        "InvoiceId": note.number,
        "InvoiceDetailId": detail_id(note.number, 1),
        "BillingCurrency": note.currency.upper(),
        "ChargeCategory": CREDIT,
        "ChargeClass": CORRECTION,
        "ChargeDescription": note.reason,
        "ChargeFrequency": "One-Time",
        **_charge_period(month),
        "ServiceName": "Credit notes",
        "x_LineKind": "credit_note",
        **_billed(-note.amount_minor, note.currency),
    }
