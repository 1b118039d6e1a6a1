"""What is compared between our invoice and Stripe's copy, and what never is."""

from dataclasses import replace

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.checks import mismatch, problem_before_sending, two_finalized
from flybill_pipeline.billing.sync.values import StripeInvoice, SyncInvoice, SyncLine, SyncOrg

MONTH = Month(2026, 10)
OURS = SyncInvoice(
    invoice_id="inv_1",
    number="FB-1",
    month=MONTH,
    org=SyncOrg("acme", "Acme", None, "cus_1"),
    currency="usd",
    subtotal_minor=500,
    content_hash="c0ffee",
    lines=(SyncLine("a", "usage", "cpu", MONTH, 600, "A"), SyncLine("b", "discount", None, MONTH, -100, "B")),
)
THEIRS = StripeInvoice(
    stripe_invoice_id="in_1",
    status="open",
    customer_id="cus_1",
    currency="usd",
    subtotal_minor=500,
    total_minor=595,
    total_excluding_tax_minor=500,
    amount_due_minor=0,
    livemode=False,
    created=0,
    hosted_invoice_url=None,
    flybill_invoice_id="inv_1",
    flybill_content_hash="c0ffee",
    flybill_number="FB-1",
)


def test_tax_and_a_customers_balance_are_no_difference() -> None:
    assert mismatch(OURS, THEIRS, ("open", "paid")) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subtotal_minor": 501}, "subtotal is 501 instead of 500"),
        ({"total_excluding_tax_minor": 450}, "total excluding tax is 450 instead of 500"),
        ({"currency": "eur"}, "currency is eur instead of usd"),
        ({"customer_id": "cus_2"}, "customer is cus_2 instead of cus_1"),
        ({"customer_id": None}, "customer is None"),
        ({"flybill_content_hash": "bad"}, "metadata"),
        ({"flybill_invoice_id": None}, "invoice id"),
        ({"flybill_number": "FB-2"}, "number is FB-2 instead of FB-1"),
        ({"status": "void"}, "status is void instead of open or paid"),
    ],
)
def test_everything_that_is_ours_is_compared(change: dict[str, object], named: str) -> None:
    failure = mismatch(OURS, replace(THEIRS, **change), ("open", "paid"))  # type: ignore[arg-type]
    assert failure is not None
    assert named in failure.message
    assert failure.kind == "org"


def test_a_fresh_draft_has_no_amounts_to_compare() -> None:
    fresh = replace(THEIRS, status="draft", subtotal_minor=0, total_excluding_tax_minor=0)
    assert mismatch(OURS, fresh, ("draft",), has_lines=False) is None
    assert mismatch(OURS, fresh, ("draft",)) is not None


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd", "idr"])
def test_an_amount_that_stripe_cannot_collect_is_not_sent(currency: str) -> None:
    def with_amount(amount: int) -> SyncInvoice:
        line = replace(OURS.lines[0], amount_minor=amount)
        return replace(OURS, currency=currency, subtotal_minor=amount, lines=(line,))

    largest = 999_999_999_999 if currency == "idr" else 99_999_999

    assert problem_before_sending(with_amount(1)) is None
    assert problem_before_sending(with_amount(largest)) is None
    for amount in (-1, 0, largest + 1):
        failure = problem_before_sending(with_amount(amount))
        assert failure is not None
        assert failure.code == "amount_not_collectable"


def test_lines_that_do_not_sum_are_not_sent() -> None:
    failure = problem_before_sending(replace(OURS, subtotal_minor=499))
    assert failure is not None
    assert failure.code == "lines_do_not_sum"


def test_the_alarm_names_every_copy() -> None:
    failure = two_finalized([THEIRS, replace(THEIRS, stripe_invoice_id="in_2")])
    assert "in_1, in_2" in failure.message
