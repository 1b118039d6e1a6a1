"""Rows of Cost and Usage from lines of any shape: each cent is there, an independent reader accepts them."""

import io
from collections.abc import Sequence
from csv import DictReader
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from focus_data_toolkit.model import column_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Values, portions_of
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.billing.usage.service_categories import SERVICE_CATEGORIES
from flybill_pipeline.exports.focus.datasets import datasets
from flybill_pipeline.questions.billed import Billed
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.stores.invoicing.recorded_lines import RecordedInvoice, Uninvoiced
from flybill_pipeline_tests.exports.focus.focus_world import NAMES, OCT, SEP, faults
from flybill_pipeline_tests.exports.statements import credit_note, line
from flybill_pipeline_tests.worlds.effort import examples

NOW = datetime(2025, 11, 3, 6, tzinfo=UTC)
BILLED = Billed(Organization(org_id="acme", name="Acme", currency="usd"), OCT, NOW, None, None, (), {})
KINDS = (
    "usage",
    "subscription",
    "one_off",
    "true_up",
    "discount",
    "credit",
    "carried_forward",
    "adjustment",
    "credit_returned",
)
PRICES = st.decimals(0, 1000, places=7)
QUANTITIES = st.decimals(-(10**6), 10**9, places=3)


def answered(
    lines: Sequence[LineItem], notes: Sequence[CreditNote] = (), **org: Any
) -> dict[str, list[dict[str, str]]]:
    """The datasets of October with these lines, as read back."""
    invoice = RecordedInvoice("inv_1", "FB-2025-10-000001", "acme", 0, "usd", "", None, NOW, tuple(lines))
    acme = Organization(**{"org_id": "acme", "name": "Acme", "currency": "usd", **org})
    numbers = {str(SEP): "FB-2025-09-000001"}
    return read_back(Billed(acme, OCT, NOW, invoice, None, notes, numbers, {"seconds": "Compute"}))


def read_back(billed: Billed) -> dict[str, list[dict[str, str]]]:
    """Its datasets, by the names that FOCUS gives them."""
    texts = datasets(billed, "Example Cloud")
    return {name: list(DictReader(io.StringIO(texts[file], newline=""))) for file, name in NAMES.items()}


@st.composite
def priced_lines(draw: st.DrawFn) -> LineItem:
    """A line of any kind, with working of any shape, in any currency's cents, sometimes shown by apps."""
    steps = [_step(draw) for _ in range(draw(st.integers(0, 3)))]
    with exact():
        amount = sum((step.amount for step in steps), ZERO)
        quantity = sum((step.quantity or ZERO for step in steps), ZERO)
    minor = to_minor(amount, "usd")
    used: dict[Values, Decimal] = {(("app", name),): draw(QUANTITIES) for name in draw(st.sets(st.sampled_from("abc")))}
    return line(
        minor,
        kind=draw(st.sampled_from(KINDS)),
        meter=draw(st.sampled_from([None, "seconds"])),
        service_month=draw(st.sampled_from([SEP, OCT, OCT.next()])),
        quantity=quantity,
        working=tuple(steps),
        portions=portions_of(used, minor, "usd"),
        description=draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)),
        dimensions=draw(st.dictionaries(st.sampled_from(["region", "plan", "a b"]), st.text("=x é", max_size=3))),
    )


def _step(draw: st.DrawFn) -> WorkingStep:
    quantity, price, fee = draw(QUANTITIES), draw(PRICES), draw(PRICES)
    with exact():
        return draw(
            st.sampled_from(
                [
                    WorkingStep("units", quantity * price, quantity, price),
                    WorkingStep("tier", quantity * price + fee, quantity, price, fee, Decimal(5), None),
                    WorkingStep("packages", quantity * price, quantity, price, package_size=Decimal(10)),
                    WorkingStep("percentage", quantity * price, quantity, rate=price),
                    WorkingStep("free_units", quantity=quantity, limit=quantity),
                    WorkingStep("maximum_spend", -fee, limit=price),
                    WorkingStep("subscription", fee, quantity, price),
                    WorkingStep("flat", fee, quantity, flat_amount=fee),
                ]
            )
        )


@settings(max_examples=examples(100))
@given(st.lists(priced_lines(), max_size=4))
def test_each_line_is_there_to_the_cent_and_a_reader_accepts_it(lines: list[LineItem]) -> None:
    lines = [each._replace(line_id=str(number)) for number, each in enumerate(lines)]
    bundle = answered(lines)
    for number, each in enumerate(lines, start=1):
        of_line = [row for row in bundle["Cost and Usage"] if row["InvoiceDetailId"].endswith(f"/{number}")]
        assert sum(Decimal(row["BilledCost"]) * 100 for row in of_line) == each.amount_minor
    assert faults(bundle) == []


@pytest.mark.parametrize(
    ("outcome", "minor", "said"),
    [
        ("carried_forward", 30, ("Adjustment", "Carried over", "-0.3")),
        ("carried_forward", -700, ("Adjustment", "Carried over", "7.0")),
        ("waived", 30, ("Credit", "Waived", "-0.3")),
    ],
)
def test_what_no_invoice_asks_for_is_taken_off_and_a_reader_accepts_it(
    outcome: str, minor: int, said: tuple[str, str, str]
) -> None:
    month = Uninvoiced("acme", outcome, (line(minor, kind="one_off", dimensions={}),))
    bundle = read_back(replace(BILLED, uninvoiced=month))
    assert faults(bundle) == []
    *_, row = bundle["Cost and Usage"]
    assert (row["ChargeCategory"], row["ServiceName"], row["BilledCost"]) == said
    assert bundle["Invoice Detail"] == []


def test_money_back_is_a_correction_with_a_number_of_its_own() -> None:
    bundle = answered([line(500)], [credit_note(100, month=str(SEP))])
    row = bundle["Cost and Usage"][-1]
    assert (row["InvoiceId"], row["BilledCost"], row["ChargeClass"]) == ("FB-2025-10-000001-C1", "-1.0", "Correction")
    assert (row["ChargePeriodStart"], row["BillingPeriodStart"]) == ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z")
    assert bundle["Invoice Detail"][-1]["ReferenceInvoiceId"] == "FB-2025-09-000001"
    assert faults(bundle) == []


def test_what_goes_back_to_a_credit_corrects_the_invoice_that_it_paid() -> None:
    back = line(300, kind="credit_returned", meter=None, service_month=SEP)
    bundle = answered([line(500), back])
    row = bundle["Cost and Usage"][-1]
    assert (row["ChargeCategory"], row["ChargeClass"], row["BilledCost"]) == ("Credit", "Correction", "3.0")
    assert bundle["Invoice Detail"][-1]["ReferenceInvoiceId"] == "FB-2025-09-000001"
    assert faults(bundle) == []


def test_how_and_by_when_it_is_paid() -> None:
    (row,) = answered([line(500)])["Invoice Detail"]
    assert (row["PaymentTerms"], row["PurchaseOrderNumber"]) == ("Charged automatically", "")
    terms: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 14, "purchase_order": "PO 7"}
    (row,) = answered([line(500)], **terms)["Invoice Detail"]
    assert (row["PaymentTerms"], row["PurchaseOrderNumber"]) == ("Net 14", "PO 7")


def test_texts_stay_as_they_are_and_numbers_have_all_their_digits() -> None:
    name = '=1+1, "x"\nSöhne'
    used = WorkingStep("units", Decimal("1E-17"), Decimal("1E-10"), Decimal("1E-7"))
    bundle = answered([line(0, working=(used,), quantity=Decimal("1E-10"))], name=name)
    (row,) = bundle["Cost and Usage"]
    assert row["BillingAccountName"] == name
    assert (row["ContractedCost"], row["PricingQuantity"]) == ("0.00000000000000001", "0.0000000001")


def test_what_is_used_has_the_category_of_its_meter() -> None:
    rows = answered([line(500, meter="seconds"), line(300, meter="others"), line(200, kind="subscription", meter=None)])
    found = [(row["ServiceCategory"], row["ServiceSubcategory"]) for row in rows["Cost and Usage"]]
    assert found == [("Compute", "Other (Compute)"), *[("Other", "Other (Other)")] * 2]


def test_the_categories_are_those_of_focus() -> None:
    category, part = (column_spec("Cost and Usage", name) for name in ("ServiceCategory", "ServiceSubcategory"))
    assert set(category["allowed_values"]) == set(SERVICE_CATEGORIES)
    assert {f"Other ({name})" for name in SERVICE_CATEGORIES} <= set(part["allowed_values"])


def test_yen_have_no_cents() -> None:
    (row,) = answered([line(500, currency="jpy", amount=Decimal(500))])["Cost and Usage"]
    assert (row["BilledCost"], row["BillingCurrency"]) == ("500.0", "JPY")


def test_a_month_stands_in_utc() -> None:
    (row,) = answered([line(1)])["Billing Period"]
    assert row == {
        "BillingPeriodCreated": "2025-10-01T00:00:00Z",
        "BillingPeriodEnd": "2025-11-01T00:00:00Z",
        "BillingPeriodLastUpdated": "2025-11-03T06:00:00Z",
        "BillingPeriodStart": "2025-10-01T00:00:00Z",
        "BillingPeriodStatus": "Closed",
        "InvoiceIssuerName": "Example Cloud",
    }
    assert Month.parse(row["BillingPeriodStart"][:7]) == OCT
