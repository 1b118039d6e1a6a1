"""`flybill credit` as an operator uses it: once, again, too much, while Stripe is down, killed, two at a time."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators
from flybill_pipeline_tests.worlds.impatient import SILENT

MONTH, NEXT = "2025-09", "2025-10"
DAY = f"{MONTH}-05T10:00:00Z"
BOOK = """
effective_from = 2025-01-01
currency = "{currency}"
[meters.seconds]
aggregation = "sum"
unit = "second"
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = {price}
"""
DOWN = {"STRIPE_API_BASE": SILENT}
DOLLARS = ("acme", "bolt", "calm", "dusk", "echo", "late")


@pytest.fixture(scope="module")
def emulator(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulator: EmulatorProcess) -> Iterator[Flybill]:
    """Organizations that owe 10.00 dollars or 1,000 yen for September, closed; one that was never synced."""
    with deploy(emulator, shards=1) as made:
        for currency, price in (("usd", "0.01"), ("jpy", "1")):
            made.prices(f"{currency}.toml", BOOK.format(currency=currency, price=price))
        orgs = [{"org_id": org, "name": org, "currency": "usd"} for org in (*DOLLARS, "idle")]
        orgs += [{"org_id": "yen", "name": "Yen", "currency": "jpy"}]
        assert made.import_orgs([org | {"stripe_customer_id": ""} for org in orgs]).status == 0
        made.import_orgs([{"org_id": "gone", "name": "Gone", "currency": "usd", "stripe_customer_id": "cus_nobody"}])
        made.land("september.jsonl", [event(org, org, 1000, DAY) for org in (*DOLLARS, "yen", "gone")])
        assert made("close", MONTH, "--json").status == 1  # the customer of `gone` does not exist
        yield made


def credit(flybill: Flybill, org: str, amount: str = "2.50", *more: str, status: int = 0, **variables: str) -> Any:
    """What the command printed as JSON."""
    arguments = ("--line", "1", "--amount", amount, "--reason", "outage", "--by", "oona", "--json")
    ran = flybill("credit", org, MONTH, *arguments, *more, **variables)
    assert ran.status == status, ran
    return ran.json()


def there(flybill: Flybill, emulator: EmulatorProcess, org: str) -> list[int]:
    """The amounts of the org's credit notes at Stripe."""
    ((customer,),) = flybill.sql("select stripe_customer_id from flybill.organizations where org_id = :org", org=org)
    client = stripe.StripeClient("sk_test_person", base_addresses={"api": emulator.url})
    return sorted(note.amount for note in client.v1.credit_notes.list({"customer": customer}).data)


def owes(flybill: Flybill, org: str) -> Any:
    return flybill("owes", org, "--month", MONTH, "--json").json()


def test_a_credit_is_here_and_in_stripe_and_what_is_left_is_said(flybill: Flybill, emulator: EmulatorProcess) -> None:
    done = credit(flybill, "acme")
    assert (done["state"], done["amount_minor"], done["to_balance_minor"]) == ("issued", 250, 0)
    assert done["stripe_credit_note_id"].startswith("cn_")
    assert there(flybill, emulator, "acme") == [250]
    owed = owes(flybill, "acme")
    assert (owed["total_minor"], owed["left_minor"]) == (1000, 750)
    assert "$2.50 of it was credited since: it comes to $7.50 now." in owed["message"]
    assert [(note["line"], note["reason"], note["state"]) for note in owed["credit_notes"]] == [(1, "outage", "issued")]
    assert "oona" not in str(owed)
    text = flybill("owes", "acme", "--month", MONTH).out
    assert "-$2.50" in text
    assert "what is left" in text
    assert flybill.sql("select \"by\", reason, total_minor from flybill.audit where org_id = 'acme'") == [
        ("oona", "outage", 250)
    ]


def test_the_same_command_again_credits_nothing_and_nth_is_deliberate(
    flybill: Flybill, emulator: EmulatorProcess
) -> None:
    first = credit(flybill, "bolt")
    again = credit(flybill, "bolt", "2.5")
    assert (again["credit_note_id"], again["already"]) == (first["credit_note_id"], True)
    assert "--nth 2" in flybill("credit", "bolt", MONTH, "--line", "1", "--amount", "2.50", "--reason", "outage").out
    assert there(flybill, emulator, "bolt") == [250]
    for _ in range(2):  # idempotent, too
        assert credit(flybill, "bolt", "2.50", "--nth", "2")["number"].endswith("-C2")
    assert there(flybill, emulator, "bolt") == [250, 250]


@pytest.mark.parametrize(
    ("org", "month", "changes", "words"),
    [
        ("acme", NEXT, {}, ("no finalized invoice", NEXT)),
        ("idle", MONTH, {}, ("no finalized invoice",)),
        ("gone", MONTH, {}, ("not in Stripe yet",)),
        ("nobody", MONTH, {}, ("no such organization", "import-orgs")),
        ("acme", MONTH, {"--line": "2"}, ("no line 2",)),
        ("acme", MONTH, {"--amount": "10.01"}, ("left to credit",)),
        ("acme", MONTH, {"--amount": "1.005"}, ("USD", "0.01")),
        ("yen", MONTH, {"--amount": "1.5"}, ("JPY", "step is 1")),
        ("acme", MONTH, {"--amount": "-1"}, ("12.50",)),
        ("acme", MONTH, {"--reason": " "}, ("reason",)),
        ("acme", MONTH, {"--by": ""}, ("--by",)),
        ("acme", MONTH, {"--nth": "9"}, ("--nth 9",)),
    ],
)
def test_wrong_input_is_a_sentence(
    flybill: Flybill, org: str, month: str, changes: dict[str, str], words: tuple[str, ...]
) -> None:
    options = {"--line": "1", "--amount": "1", "--reason": "x", "--by": "ada", **changes}
    before = flybill.sql("select count(*) from flybill.credit_notes")
    ran = flybill("credit", org, month, *(part for pair in options.items() for part in pair))
    assert (ran.status, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert not [word for word in words if word not in ran.err], ran.err
    assert flybill.sql("select count(*) from flybill.credit_notes") == before


def test_while_stripe_is_down_it_is_recorded_and_the_close_sends_it(
    flybill: Flybill, emulator: EmulatorProcess
) -> None:
    waiting = credit(flybill, "calm", "4.00", status=1, **DOWN)
    assert (waiting["state"], waiting["stripe_credit_note_id"]) == ("pending", None)
    assert "flybill close" in waiting["what_to_do"]
    assert "on its way" in owes(flybill, "calm")["message"]
    status = flybill("status", MONTH, "--json").json()
    assert status["credited"]["usd"]["pending_minor"] == 400
    assert status["totals"]["usd"]["invoiced_minor"] == 7000
    assert "credit note" in flybill("status", MONTH).out
    closed = flybill("close", MONTH, "--org", "calm", "--json")
    assert [note["state"] for note in closed.json()["credit_notes"] if note["org_id"] == "calm"] == ["issued"]
    assert there(flybill, emulator, "calm") == [400]
    assert credit(flybill, "calm", "4.00")["already"]


def test_a_killed_command_is_finished_by_the_same_command(flybill: Flybill, emulator: EmulatorProcess) -> None:
    emulator.faults([{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "slow", "seconds": 3}])
    options = ("--line", "1", "--amount", "1.00", "--reason", "outage", "--by", "ada", "--json")
    process = flybill.start("credit", "dusk", MONTH, *options)
    sent = "select 1 from flybill.stripe_credit_notes where step = 'credit' and state = 'new'"
    deadline = time.monotonic() + 60
    while not flybill.sql(sent) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    emulator.clear_faults()
    assert owes(flybill, "dusk")["credit_notes"][0]["state"] == "pending"
    assert credit(flybill, "dusk", "1.00")["state"] == "issued"
    assert there(flybill, emulator, "dusk") == [100]


def test_two_operators_at_once_credit_once(flybill: Flybill, emulator: EmulatorProcess) -> None:
    options = ("--line", "1", "--amount", "1.00", "--reason", "outage", "--json")
    processes = [flybill.start("credit", "echo", MONTH, *options, "--by", name) for name in ("ada", "bob")]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert there(flybill, emulator, "echo") == [100]


def test_a_credit_changes_nothing_of_what_is_billed_later(flybill: Flybill, emulator: EmulatorProcess) -> None:
    """Late usage of September is billed by its price, neither more nor less for the credit."""
    credit(flybill, "late", "10.00")
    flybill.land("late.jsonl", [event("more", "late", 300, DAY), event("october", "late", 500, f"{NEXT}-05T10:00:00Z")])
    assert flybill("close", NEXT, "--json").status == 0
    owed = flybill("owes", "late", "--month", NEXT, "--json").json()
    assert sorted((line["service_month"], line["amount_minor"]) for line in owed["lines"]) == [
        (MONTH, 300),
        (NEXT, 500),
    ]
    assert flybill("verify", MONTH, "--json").status == 0
    assert emulator.report()["violations"] == []
