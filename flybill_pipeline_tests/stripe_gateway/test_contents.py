"""A key names a content: two writes have one name just when all their parameters are the same."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SyncInvoice, SyncLine, SyncOrg
from flybill_pipeline.stripe_gateway import mapping
from flybill_pipeline.stripe_gateway.contents import Contents

MONTH = Month(2026, 10)
texts = st.text("abé", max_size=3)
orgs = st.builds(
    SyncOrg,
    texts,
    texts | st.integers(254, 258).map(lambda length: "n" * length),
    st.none() | texts,
    st.sampled_from(["cus_1", "cus_2"]),
    st.sampled_from(["charge_automatically", "send_invoice"]),
    st.none() | st.integers(1, 60),
)
lines = st.builds(SyncLine, texts, st.just("usage"), st.none() | texts, st.just(MONTH), st.integers(-9, 9), texts)
invoices = st.builds(
    SyncInvoice,
    texts,
    texts,
    st.just(MONTH),
    orgs,
    st.sampled_from(["usd", "eur"]),
    st.integers(0, 9),
    texts,
    st.lists(lines, max_size=1).map(tuple),
    st.integers(0, 4),
)


def sent(contents: Contents, what: Any) -> tuple[dict[str, Any], str]:
    """The parameters of a write, without the name that they carry themselves; and that name."""
    if isinstance(what, SyncOrg):
        return mapping.customer_params(what), contents.customer(what)
    as_sent = contents.as_sent(what)
    return mapping.invoice_params(as_sent), contents.invoice(as_sent)


@given(orgs | invoices, orgs | invoices, st.booleans(), st.booleans())
def test_two_contents_have_two_names_and_one_content_has_one(one: Any, other: Any, taxed: bool, too: bool) -> None:
    (first, name), (second, other_name) = (
        sent(Contents(automatic_tax=taxed), one),
        sent(Contents(automatic_tax=too), other),
    )
    assert (name == other_name) == (first == second)


@given(st.lists(lines, max_size=3), st.lists(lines, max_size=3), st.sampled_from(["in_1", "in_2"]))
def test_lines_are_named_with_the_draft_that_they_are_for(
    some: list[SyncLine], others: list[SyncLine], draft: str
) -> None:
    contents = Contents()
    same = (draft, mapping.line_params(some)) == ("in_1", mapping.line_params(others))
    assert (contents.lines(draft, some) == contents.lines("in_1", others)) == same


@pytest.mark.parametrize("change", [{"collection_method": "send_invoice"}, {"customer_id": "cus_2"}])
def test_a_draft_shows_which_terms_it_was_made_with(change: dict[str, Any]) -> None:
    contents = Contents()
    org = SyncOrg("acme", "Acme", None, "cus_1")
    invoice = SyncInvoice("inv_1", "FB-1", MONTH, org, "usd", 5, "c0ffee", ())
    other = replace(invoice, org=replace(org, **change))
    marks = [contents.invoice_params(each)["metadata"]["flybill_terms"] for each in (invoice, other)]
    assert marks == [contents.invoice(invoice), contents.invoice(other)]
    assert marks[0] != marks[1]


def test_a_name_or_an_id_that_is_too_long_for_stripe_is_made_to_fit() -> None:
    params = Contents().customer_params(SyncOrg("o" * 600, "n" * 300, None, None))
    assert len(params["name"]) == 256
    assert len(params["metadata"]["flybill_org_id"]) <= 500
    assert params["metadata"]["flybill_org_id"] != mapping.org_mark("o" * 601)
