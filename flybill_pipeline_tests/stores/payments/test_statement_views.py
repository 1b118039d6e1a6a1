"""The views for dashboards: each column is explained, payments follow billing's own rules, open months are there."""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments import standing
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.exports.statement_json import payment_data
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.payments.standing import Payments
from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld
from flybill_pipeline_tests.worlds.statement_views import as_json, view

VIEWS = ("statement_months", "statement_lines", "statement_payments")
COMMENTS = """
    select a.attname, coalesce(col_description(a.attrelid, a.attnum), '') from pg_attribute a
    where a.attrelid = cast(:view as regclass) and a.attnum > 0 order by a.attnum
"""
START = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = {
    kind: [*(each for step in steps for each in sorted(step)), "new"] for kind, steps in standing._FURTHEST.items()
}


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    return made


@pytest.mark.parametrize("name", VIEWS)
def test_each_column_is_explained_in_the_database_and_on_the_page(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        columns = [tuple(row) for row in connection.execute(text(COMMENTS), {"view": f"flybill.{name}"})]
    page = text_of("docs/statements.md")
    section = page[page.index(f"### `{name}`") :].split("\n### ")[0]
    assert columns == re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    assert all(words for _, words in columns)


def test_an_open_month_has_its_latest_draft_and_a_settled_one_its_invoice(world: BillingWorld) -> None:
    running = Month.of(datetime.now(UTC))
    world.draft({"acme": 500, "bolt": 20})
    world.draft({"acme": 7}, running)
    (ended,), (open_month,) = (view(world.engine, "statement_months", "acme", month) for month in (MONTH, running))
    assert (ended["state"], ended["total_minor"], ended["left_minor"], ended["message"]) == ("closing", 500, None, None)
    assert (open_month["state"], open_month["total_minor"], open_month["org_name"]) == ("open", 7, "Acme")
    assert (open_month["starts_at"], open_month["ends_at"]) == (running.start, running.end)
    world.finalize()
    (settled,), (small,) = (view(world.engine, "statement_months", org, MONTH) for org in ("acme", "bolt"))
    assert (settled["state"], settled["left_minor"]) == ("invoiced", 500)
    assert (small["state"], small["left_minor"]) == ("carried_forward", None)
    assert "too small to invoice" in small["message"]
    for month, number in ((MONTH, settled["invoice_number"]), (running, None)):
        (line,) = view(world.engine, "statement_lines", "acme", month)
        assert (line["line_no"], line["kind"], line["invoice_number"]) == (1, "usage", number)


@pytest.mark.parametrize("seed", [1, 2])
def test_payments_follow_the_rules_that_owes_follows(world: BillingWorld, seed: int) -> None:
    names = [f"org{number:03}" for number in range(150)]
    at_stripe(world, names)
    chance = random.Random(seed)
    seen = [each for name in names for each in observations(chance, name)]
    PaymentIntake(world.engine).advance(seen, "events", START, fell_back=False)
    now, states = datetime.now(UTC), set()
    for name in names:
        payment = Payments(world.engine).of_org(name, MONTH, now)
        assert payment is not None
        states.add(payment.state)
        (row,) = view(world.engine, "statement_payments", name, MONTH)
        assert as_json(row, payment_data(payment)) == payment_data(payment), name
        (month,) = view(world.engine, "statement_months", name, MONTH)
        assert month["state"] == ("payable" if payment.state == "open" else payment.state)
    assert len(states) >= 9, states


def test_the_day_on_which_an_invoice_is_due_is_the_customers_to_its_end(world: BillingWorld) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expected = {"acme": (today, "open"), "bolt": (today - timedelta(microseconds=1), "past_due")}
    at_stripe(world, list(expected))
    seen = [
        Observation(name, "invoice", f"in_{name}", "open", "usd", 1000, datetime.now(UTC), f"in_{name}", due_at=due)
        for name, (due, _) in expected.items()
    ]
    PaymentIntake(world.engine).advance(seen, "events", START, fell_back=False)
    for name, (_, state) in expected.items():
        payment = Payments(world.engine).of_org(name, MONTH, datetime.now(UTC))
        (row,) = view(world.engine, "statement_payments", name, MONTH)
        assert (row["state"], payment and payment.state) == (state, state)


def at_stripe(world: BillingWorld, names: list[str]) -> None:
    """The organizations have an invoice of $10.00 that is open at Stripe."""
    world.orgs(*names)
    world.draft(dict.fromkeys(names, 1000))
    world.finalize()
    with world.engine.begin() as connection:
        connection.execute(
            text("""
            update flybill.stripe_sync s set state = 'finalized', stripe_invoice_id = 'in_' || i.org_id,
                stripe_status = 'open', stripe_amount_due_minor = 1000, hosted_invoice_url = 'https://pay/' || i.org_id
            from flybill.invoices i where i.invoice_id = s.invoice_id""")
        )


def observations(chance: random.Random, name: str) -> Iterator[Observation]:
    """What Stripe may have told of an invoice, in any order, some of it twice and in the same second."""
    for number in range(chance.randrange(7)):
        kind = chance.choice(list(STATUSES))
        of_invoice = kind == "invoice"
        yield Observation(
            observation_id=f"evt_{name}_{chance.choice('aBc')}{number}",
            kind=kind,  # type: ignore[arg-type]
            object_id=f"in_{name}" if of_invoice else f"{kind}_{name}_{chance.randrange(2)}",
            status=chance.choice(STATUSES[kind]),
            currency="usd",
            amount_minor=1000 if of_invoice else chance.choice([200, 500, 1000]),
            seen_at=START + timedelta(days=chance.randrange(4)),
            stripe_invoice_id=f"in_{name}",
            paid_minor=chance.choice([0, 0, 300, 1000]) if of_invoice else 0,
            pre_payment_minor=chance.choice([0, 200]) if kind == "credit_note" else 0,
            attempts=chance.choice([0, 0, 1, 2]) if of_invoice else 0,
            next_attempt_at=chance.choice([None, START + timedelta(days=9)]) if of_invoice else None,
            due_at=chance.choice([None, START, datetime(2999, 1, 1, tzinfo=UTC)]) if of_invoice else None,
            settled_at=chance.choice([None, START + timedelta(days=3)]) if of_invoice else None,
            hosted_invoice_url=chance.choice([None, "https://pay/x"]),
        )
