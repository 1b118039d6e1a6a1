"""A closed month is paid, or not: what `payments`, `status` and `owes` say, as text and as JSON."""

import json
import urllib.request
from collections.abc import Iterator

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.payment_sensor import payment_sensor
from flybill_pipeline.settings import load_settings
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators
from flybill_pipeline_tests.worlds.impatient import SILENT
from flybill_pipeline_tests.worlds.statement_views import assert_views_say_what_is_owed

MONTH = "2025-03"
ORGS = ("acme", "bolt", "cody")


SENSOR = payment_sensor(dg.DefaultSensorStatus.STOPPED, 30)


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """Three invoices at Stripe: the first is paid, the second's card is declined, nothing happens to the third."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ORGS])
        made.land("usage.jsonl", [event(org, org, 1000, f"{MONTH}-05T00:00:00Z") for org in ORGS])
        assert made("close", MONTH).status == 0
        pay(made, "acme", "pm_card_visa")
        pay(made, "bolt", "pm_card_declined")
        assert made("payments").status == 0
        yield made


def pay(flybill: Flybill, org: str, method: str) -> None:
    """Somebody pays at Stripe, or tries to."""
    query = (
        "select stripe_invoice_id from flybill.stripe_sync join flybill.invoices using (invoice_id) where org_id = :o"
    )
    ((invoice,),) = flybill.sql(query, o=org)
    request = urllib.request.Request(
        f"{flybill.environment['STRIPE_API_BASE']}/v1/invoices/{invoice}/pay",
        data=f"payment_method={method}".encode(),
        headers={"Authorization": "Bearer sk_test_x"},
    )
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as declined:
        assert declined.code == 402


def owed(flybill: Flybill, org: str) -> dict[str, object]:
    found: dict[str, object] = flybill("owes", org, "--month", MONTH, "--json").json()
    return found


def test_a_customer_reads_that_it_is_paid(flybill: Flybill) -> None:
    answer = owed(flybill, "acme")
    assert answer["state"] == "paid"
    assert str(answer["next_step"]).startswith("Paid on ")
    text = flybill("owes", "acme", "--month", MONTH).out
    assert "is paid" in text
    assert "PDF: https://pay.stripe.com/invoice/" in text
    assert "Payments as of " in text


def test_a_customer_reads_that_the_payment_failed_and_what_to_do(flybill: Flybill) -> None:
    answer = owed(flybill, "bolt")
    assert answer["state"] == "failed"
    assert "did not go through on " in str(answer["message"])
    assert "change your card, here: https://invoice.stripe.com/i/" in str(answer["next_step"])
    assert "It is tried again on " in str(answer["next_step"])
    assert owed(flybill, "cody")["state"] == "payable"


def test_the_views_say_of_payments_what_owes_says(flybill: Flybill) -> None:
    tools = build_toolbox(load_settings(flybill.environment))
    states = [assert_views_say_what_is_owed(tools, org, Month.parse(MONTH)) for org in ORGS]
    tools.close()
    assert states == ["paid", "failed", "payable"]


def test_an_operator_reads_payments_by_state_and_money_by_currency(flybill: Flybill) -> None:
    ran = flybill("status", MONTH, "--json")
    assert ran.status == 0  # a failed payment is not a failed month
    payments = ran.json()["payments"]
    assert payments["states"] == {"failed": 1, "open": 1, "paid": 1}
    assert payments["totals"]["usd"] | {"paid_minor": 1000, "open_minor": 2000} == payments["totals"]["usd"]
    assert [entry["org_id"] for entry in payments["worrying"]] == ["bolt"]
    assert payments["freshness"].startswith("Payments as of")
    text = flybill("status", MONTH).out
    assert "payments: 1 failed, 1 open, 1 paid" in text
    assert "payment attempt(s) failed" in text


def test_since_when_payments_are_unknown_is_said_and_the_command_fails(flybill: Flybill) -> None:
    ran = flybill("payments", "--json", STRIPE_API_KEY="not_a_key")
    assert ran.status in (1, 2)
    ran = flybill("payments", STRIPE_API_KEY="sk_test_x", STRIPE_API_BASE=SILENT)
    assert ran.status == 1
    assert "they cannot be read" in ran.out
    assert "they cannot be read. What happened: No answer from Stripe" in flybill("status", MONTH).out
    assert "No answer" not in flybill("owes", "acme", "--month", MONTH).out
    assert json.loads(flybill("payments", "--json").out)["failing_since"] is None


def test_webhooks_need_their_secret(flybill: Flybill) -> None:
    ran = flybill("webhooks")
    assert ran.status == 2
    assert "STRIPE_WEBHOOK_SECRET is not set" in ran.err


def test_money_that_arrives_is_noticed_by_the_sensor_and_shown_after_its_run(flybill: Flybill) -> None:
    tools = build_toolbox(load_settings(flybill.environment))
    context = dg.build_sensor_context(resources={"toolbox": tools})
    assert SENSOR.evaluate_tick(context).skip_message == "nothing new about payments"
    pay(flybill, "cody", "pm_card_visa")
    (request,) = SENSOR.evaluate_tick(context).run_requests or ()
    assert str(request.run_key).startswith("evt_")
    assert flybill("payments").status == 0
    assert SENSOR.evaluate_tick(context).skip_message == "nothing new about payments"
    tools.close()
    assert owed(flybill, "cody")["state"] == "paid"
