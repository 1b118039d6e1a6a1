"""An invoice asks for another amount than its lines come to: `owes` says why, whatever Stripe and people there did."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, Ran, event
from flybill_pipeline_tests.worlds.emulator import Emulators

BEFORE, MONTH = "2025-02", "2025-03"
BALANCES = {"saver": -300, "debtor": 250, "almost": -980, "covered": -5000}
ORGS = (*BALANCES, "byhand", "byhandpaid", "ours", "taken", "plain")
CUSTOMERS = "select stripe_customer_id from flybill.stripe_customers"
CREDITED = "select credited_minor from flybill.statement_months"
NUMBERED = "select stripe_invoice_id from flybill.stripe_sync join flybill.invoices using (invoice_id)"


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """A month of $10.00 for each; customers have balances at Stripe, and people credit there and here."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ORGS])
        for month in (BEFORE, MONTH):
            made.land(f"{month}.jsonl", [event(f"{org}{month}", org, 1000, f"{month}-05T00:00:00Z") for org in ORGS])
        assert made("close", BEFORE).status == 0
        for org, balance in BALANCES.items():
            ((customer,),) = made.sql(f"{CUSTOMERS} where org_id = :o", o=org)
            post(made, f"customers/{customer}", balance=balance)
        assert made("close", MONTH).status == 0
        post(made, "credit_notes", invoice=at_stripe(made, "byhand"), amount=400)
        for org in ("byhandpaid", "ours"):
            post(made, f"invoices/{at_stripe(made, org)}/pay", payment_method="pm_card_visa")
        post(made, "credit_notes", invoice=at_stripe(made, "byhandpaid"), amount=400, credit_amount=400)
        assert credit(made, "ours").status == 0
        assert credit(made, "taken").status == 0
        post(made, f"credit_notes/{notes_of(made, 'taken')[0]['id']}/void")
        assert made("payments").status == 0
        yield made


def credit(flybill: Flybill, org: str) -> Ran:
    return flybill("credit", org, MONTH, "--line", "1", "--amount", "4.00", "--reason", "sorry", "--by", "me")


def notes_of(flybill: Flybill, org: str) -> Any:
    """Stripe's own list, the newest first."""
    return post(flybill, f"credit_notes?invoice={at_stripe(flybill, org)}")["data"]


def at_stripe(flybill: Flybill, org: str) -> str:
    ((invoice,),) = flybill.sql(f"{NUMBERED} where org_id = :o and month = :m", o=org, m=MONTH)
    return str(invoice)


def post(flybill: Flybill, path: str, **values: Any) -> Any:
    request = urllib.request.Request(
        f"{flybill.environment['STRIPE_API_BASE']}/v1/{path}",
        data=urllib.parse.urlencode(values).encode(),
        method="GET" if "?" in path else "POST",
        headers={"Authorization": "Bearer sk_test_x"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("org", "expected"),
    [
        ("plain", ["You owe $10.00"]),
        ("saver", ["You owe $7.00", "$3.00 of your balance was taken off first."]),
        ("debtor", ["You owe $12.50", "$2.50 of what was asked for was open from before."]),
        ("almost", ["Nothing is to be paid", "too small to collect by itself, it is added to your next invoice"]),
        ("covered", ["Nothing is to be paid", "your balance was taken off"]),
        ("byhand", ["You owe $6.00", "$4.00 was credited since the invoice was made."]),
        ("byhandpaid", ["$10.00 for March 2025 is paid", "$4.00 was credited since the invoice was made."]),
        ("taken", ["You owe $10.00 for March 2025 (invoice FB-2025-03-000009).\nIt is collected from"]),
        ("ours", ["$10.00 for March 2025 is paid", "$4.00 of the credit is on your account"]),
    ],
)
def test_what_is_asked_for_is_explained(flybill: Flybill, org: str, expected: list[str]) -> None:
    text = flybill("owes", org, "--month", MONTH).out
    assert [each for each in expected if each not in text] == [], text
    assert "taken off already" not in text  # nothing was taken off what was paid before
    answer = flybill("owes", org, "--month", MONTH, "--json").json()
    assert f"{answer['message']}\n{answer['next_step']}".startswith(expected[0])


def test_what_stripe_owes_or_is_owed_after_that_is_what_the_words_say(flybill: Flybill) -> None:
    """The witness is Stripe: what was too small to collect is owed with the next invoice, not forgotten."""
    assert post(flybill, f"invoices/{at_stripe(flybill, 'almost')}")["ending_balance"] == 20
    assert post(flybill, f"invoices/{at_stripe(flybill, 'covered')}")["ending_balance"] == -4000


def test_a_note_that_was_voided_at_stripe_is_no_credit_and_may_be_given_again(flybill: Flybill) -> None:
    """It was voided there by mistake: the same command gives it once more, and once only."""
    answer = flybill("owes", "taken", "--month", MONTH, "--json").json()
    assert (answer["left_minor"], answer["credit_notes"]) == (1000, [])
    assert flybill.sql(f"{CREDITED} where org_id = 'taken' and month = :m", m=MONTH) == [(0,)]
    assert credit(flybill, "taken").status == credit(flybill, "taken").status == 0
    assert [note["status"] for note in notes_of(flybill, "taken")] == ["issued", "void"]
    assert flybill("payments").status == 0
    answer = flybill("owes", "taken", "--month", MONTH, "--json").json()
    assert (answer["left_minor"], answer["payment"]["open_minor"]) == (600, 600)
    told = flybill("close", MONTH).out  # of Stripe's own list: it differs where people credited there, and not here
    assert ("byhandpaid" in told, "taken" in told) == (True, False)
