"""The memo and the custom fields of an invoice: what they say, and that nothing foreign becomes more than text."""

from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SyncInvoice, SyncOrg
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline.stripe_gateway.invoice_page import LONGEST_MEMO, custom_fields, memo, statement_link

MONTH = Month(2026, 10)
URL = "https://cloud.example/usage/{org}?month={month}"
INVOICE = SyncInvoice("inv_1", "FB-2026-10-000001", MONTH, SyncOrg("acme", "Acme", None, "cus_1"), "usd", 5, "c0", ())
ROLLED_UP = replace(INVOICE, lines_here=300)
LONG = replace(INVOICE, org=replace(INVOICE.org, org_id="漢" * 500))
USED = "Usage in 2026-10, invoice FB-2026-10-000001"
SUMS_UP = f"{USED}. It sums up 300 lines; your statement for 2026-10 lists each of them"
LINK = "https://cloud.example/usage/acme?month=2026-10"


@pytest.mark.parametrize(
    ("invoice", "url", "says"),
    [
        (INVOICE, None, USED),
        (INVOICE, URL, f"{USED}. Your statement: {LINK}"),
        (ROLLED_UP, None, SUMS_UP),
        (ROLLED_UP, URL, f"{SUMS_UP}: {LINK}"),
        (LONG, URL, USED),  # half of a link is none
    ],
)
def test_the_memo_says_which_invoice_it_is_and_where_the_statement_is(
    invoice: SyncInvoice, url: str | None, says: str
) -> None:
    assert memo(invoice, url) == says
    by_stripe = Contents(statement_url=url, own_numbers=False)
    params = by_stripe.invoice_params(by_stripe.as_sent(invoice))
    assert (params["description"], "number" in params) == (says, False)
    ours = Contents(statement_url=url)
    params = ours.invoice_params(ours.as_sent(invoice))
    assert params["description"] == says.replace(", invoice FB-2026-10-000001", "")  # it has that number itself
    assert params["number"] == "FB-2026-10-000001"


@given(st.text(min_size=1).filter(lambda text: text.isascii() or text.isprintable()))
def test_an_organizations_id_stays_one_part_of_the_address(org_id: str) -> None:
    link = urlsplit(statement_link(URL, org_id, MONTH))
    assert (link.hostname, link.query, link.fragment) == ("cloud.example", "month=2026-10", "")
    assert link.path.count("/") == 2 and unquote(link.path.removeprefix("/usage/")) == org_id
    assert len(memo(replace(INVOICE, org=replace(INVOICE.org, org_id=org_id)), URL)) <= LONGEST_MEMO


def test_what_is_in_braces_is_replaced_as_it_stands() -> None:
    assert statement_link("https://x/{org}", "{month}{org}{0}", MONTH) == "https://x/%7Bmonth%7D%7Borg%7D%7B0%7D"


def test_what_bookkeeping_asks_for_is_a_field_of_the_invoice_and_the_footer_is_the_customers() -> None:
    known = replace(INVOICE.org, purchase_order="PO-" + "7" * 139, tax_id=TaxId("eu_vat", "DE 123 456 789"))
    ordered = replace(INVOICE, org=known)
    assert custom_fields(ordered) == [
        {"name": "Purchase order", "value": "PO-" + "7" * 137},
        {"name": "Tax ID", "value": "DE 123 456 789"},
    ]
    assert Contents().invoice_params(ordered)["custom_fields"] == custom_fields(ordered)
    assert "custom_fields" not in Contents().invoice_params(INVOICE)
    assert "footer" not in Contents().invoice_params(replace(ordered, lines_here=300))
