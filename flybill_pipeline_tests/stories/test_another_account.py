"""What Stripe's own list says reaches who types `close` and `status`; the real account follows the trial's."""

from collections.abc import Iterator

import pytest
import stripe

from flybill_pipeline_tests.stories.troubled_months import FIRST, SECOND, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators


@pytest.fixture
def trial(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


@pytest.fixture
def real(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


@pytest.fixture
def flybill(deploy: Deployments, trial: EmulatorProcess) -> Iterator[Flybill]:
    with deploy(trial, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ("acme", "bolt")])
        made.land(
            "first.jsonl", [event(n, org, 100, f"{FIRST}-05T00:00:00Z") for n, org in enumerate(("acme", "bolt"))]
        )
        yield made


def test_a_close_says_what_differs_and_a_trial_is_followed_by_the_real_account(
    flybill: Flybill, trial: EmulatorProcess, real: EmulatorProcess
) -> None:
    closed = flybill("close", FIRST, "--json")
    assert (closed.status, closed.json()["reconciliation"]["state"]) == (0, "matches")
    shown = flybill("status", FIRST)
    assert shown.status == 0
    assert "Stripe: account acct_1" in shown.out
    assert "(test mode), at http://" in shown.out

    # A colleague voids an invoice there: nobody needs Dagster's pages to learn of it.
    there = stripe.StripeClient("sk_test_person", base_addresses={"api": trial.url})
    there.v1.invoices.void_invoice(there.v1.invoices.list().data[0].id)
    closed = flybill("close", FIRST, "--json")
    found = closed.json()["reconciliation"]
    assert (closed.status, found["state"], found["differing"]) == (1, "differs", 1)
    assert found["differs"][0]["what"].startswith("it was voided at Stripe on ")
    shown = flybill("status", FIRST)
    assert shown.status == 1
    assert "it was voided at Stripe on " in shown.out

    # Another account's key: the month is told as the trial's, and the next one goes to the real account.
    with_real = {"STRIPE_API_BASE": real.url, "STRIPE_API_KEY": "sk_test_of_the_real_account"}
    closed = flybill("close", FIRST, "--json", **with_real)
    found = closed.json()["reconciliation"]
    assert (closed.status, found["state"], found["differs"]) == (1, "other_account", [])
    assert found["message"].startswith(f"The invoices of {FIRST} were made in account acct_1")
    assert real.report()["invoices"] == {}
    flybill.land("second.jsonl", [event(9, "acme", 100, f"{SECOND}-05T00:00:00Z")])
    closed = flybill("close", SECOND, "--json", **with_real)
    assert (closed.status, closed.json()["reconciliation"]["state"]) == (0, "matches"), closed
    assert (real.report()["customers"], real.report()["invoices"]) == (1, {"open": 1})
    assert real.report()["violations"] == []
