"""A customer's month lived day by day: what the page, its JSON, the mail and the platform's events say at each step."""

import json
import re
from calendar import month_name
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.alerts.events import TYPES
from flybill_pipeline.billing.payments.credit_notes import CreditRequest
from flybill_pipeline.questions.credited import credited
from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.web.test_pages import Read
from flybill_pipeline_tests.worlds.emulator import Emulators
from flybill_pipeline_tests.worlds.impatient import no_waiting
from flybill_pipeline_tests.worlds.lived_month import Life, lived

MONTHS = [name for name in month_name if name]


@pytest.fixture
def life(engine: Engine, tmp_path: Path, emulators: Emulators) -> Iterator[Life]:
    with no_waiting(), emulators.lent() as emulator, lived(engine, tmp_path, emulator) as made:
        yield made


class Told:
    """What the sides heard since they were asked last."""

    def __init__(self, life: Life) -> None:
        self.life, self._mails, self._events = life, 0, 0

    def mails(self) -> list[tuple[str, str]]:
        new = self.life.mailbox.mails[self._mails :]
        self._mails += len(new)
        return [(str(mail["Subject"]), str(mail.get_payload()).split("\n\n")[0].strip()) for mail in new]

    def events(self) -> list[dict[str, Any]]:
        new = self.life.receiver.events()[self._events :]
        self._events += len(new)
        return new


def shown(life: Life, path: str = "") -> str:
    answer = life.page(path)
    assert answer.status == 200
    return " ".join(Read(answer.text).text.split())


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


class Story:
    """The steps of the month in their order; each goes on from the one before."""

    def __init__(self, life: Life) -> None:
        self.life, self.told, self.month = life, Told(life), f"{life.month.first_day:%B %Y}"
        self.here = f"/months/{life.month}"

    def first_days(self) -> None:
        """The first days: usage, and the credit is used up at once."""
        self.life.item(item_id="team", kind="subscription", amount="20", start=f"{self.life.month}-01")
        self.life.item(item_id="all", kind="budget", amount="100", start=str(self.life.month))
        self.life.item(
            item_id="web", kind="budget", amount="50", start=str(self.life.month), scope="app=web", thresholds="100"
        )
        self.life.item(item_id="welcome", kind="credit", amount="5", start=f"{self.life.month}-01")
        self.life.day(2)
        self.life.use(1, 4)
        self.life.use(2, 2, app="worker")
        self.life.refresh()
        text = shown(self.life)
        assert f"{self.month} is still running: you owe $21.00 so far." in text
        assert f"{self.month} has come to $21.00 so far: 21% of the budget of $100.00." in text
        assert f"{self.month} has come to $4.00 so far for app web: 8% of its budget of $50.00." in text
        assert "By app" in text
        assert "Before discounts and credits, $20.00 is plans and amounts that do not grow with the month." in text
        (event,) = self.told.events()
        assert (event["type"], event["subject"]) == ("credit.exhausted", "acme")
        assert event["data"]["message"] == (
            f"With {self.month} the credit welcome is used up; what comes after it is billed."
        )
        assert self.told.mails() == []

    def forecast_is_above(self) -> None:
        """At this pace it comes to more than the budget: told before it is spent."""
        self.life.day(5)
        for day in (3, 4, 5):
            self.life.use(day, 4)
        self.life.refresh()
        now = self.life.json()["now"]
        assert (now["total_minor"], now["forecast_minor"] > 100_00) == (33_00, True)
        ((subject, sentence),) = self.told.mails()
        assert subject == f"Acme: {self.month} may come to more than its budget"
        assert sentence.startswith(f"If {self.month} goes on like this, it comes to about $")
        for path in ("", self.here, "/budgets"):
            assert sentence.replace("=\n", "") in shown(self.life, path)  # mail breaks lines so
        assert "Do you have a question? help@billing.example" in str(self.life.mailbox.mails[-1].get_payload())
        forecast_event = self.told.events()
        assert types(forecast_event) == ["usage.forecast_above_budget", "usage.forecast_above_budget"]
        assert forecast_event[0]["data"]["forecast_minor"] == now["forecast_minor"]

    def half_spent(self) -> None:
        """A budget is half spent; nothing is said twice."""
        self.life.day(9)
        self.life.use(9, 18)
        self.life.refresh()
        self.life.refresh()
        mails = self.told.mails()
        assert mails[0] == (
            f"Acme: 50% of a budget for {self.month}",
            f"{self.month} has come to $51.00 so far: 51% of the budget of $100.00.",
        )
        assert len(mails) == 1
        assert sorted(types(self.told.events())) == ["usage.budget_reached", "usage.unusual_day", "usage.unusual_day"]

    def late_usage(self) -> None:
        """Usage of an earlier day arrives late, and crosses two marks; the app's own budget is reached."""
        self.life.day(12)
        self.life.use(6, 40)
        self.life.refresh()
        reached = self.told.events()
        assert [(each["data"]["budget_id"], each["data"].get("threshold")) for each in reached] == [
            ("all", 80),
            ("web", 100),
        ]
        assert reached[0]["data"]["spent_minor"] == 91_00
        ((subject, sentence),) = self.told.mails()
        assert subject == f"Acme: 80% of a budget for {self.month}"
        assert "74% of the budget" not in sentence
        assert f"{self.month} has come to $74.00 so far for app web: 148% of its budget of $50.00." in shown(
            self.life, "/budgets"
        )

    def corrected(self) -> None:
        """A correction takes it below the mark, and it rises again: nothing new."""
        self.life.use(6, -20)
        self.life.refresh()
        self.life.use(11, 20)
        self.life.refresh()
        assert [each for each in types(self.told.events()) if each == "usage.budget_reached"] == []
        self.told.mails()

    def stripe_down(self) -> None:
        """The month is closed while Stripe is down: the customer reads what is owed and what happens next."""
        self.life.emulator.stop()
        self.life.today()
        self.life.close()
        self.life.sync()
        events = self.told.events()
        assert types(events) == ["invoice.finalized"]
        assert (events[0]["data"]["total_minor"], events[0]["data"]["currency"]) == (91_00, "usd")
        number = events[0]["data"]["invoice_number"]
        assert f"You owe $91.00 for {self.month} (invoice {number})." in shown(self.life, self.here)
        assert "payment provider" in self.life.json(self.here)["next_step"]

    def stripe_back(self) -> None:
        """Stripe is back."""
        self.life.emulator.start()
        self.life.sync()
        (event,) = self.told.events()
        assert (event["type"], event["data"]["state"]) == ("invoice.synced", "payable")
        assert event["data"]["hosted_invoice_url"].startswith("https://")

    def card(self) -> None:
        """The card is declined, then the invoice is paid."""
        self.life.pay("pm_card_declined")
        (event,) = self.told.events()
        assert (event["type"], event["data"]["attempts"], event["data"]["state"]) == ("payment.failed", 1, "failed")
        assert f"The payment of $91.00 for {self.month} did not go through" in shown(self.life, self.here)
        self.life.pay("pm_card_visa")
        (event,) = self.told.events()
        assert (event["type"], event["data"]["paid_minor"]) == ("invoice.paid", 91_00)
        assert "is paid" in event["data"]["message"]
        assert self.life.json(self.here)["state"] == "paid"

    def credit_note(self) -> None:
        """A credit note gives a part back."""
        line = next(
            number for number, each in enumerate(self.life.json(self.here)["lines"], start=1) if each["kind"] == "usage"
        )
        assert credited(self.life.tools, CreditRequest("acme", self.life.month, line, "10.00", "an outage", "ada")).done
        self.life.read_payments()
        assert "$10.00" in shown(self.life, self.here)
        assert self.life.json(self.here)["left_minor"] == 81_00
        assert self.told.events() == []

    def plan_cancelled(self) -> None:
        """The plan is cancelled before it bills another month."""
        running = self.life.month.next()
        self.life.item(
            item_id="team", kind="subscription", amount="20", start=f"{self.life.month}-01", end=f"{running}-01"
        )
        now = self.life.json()["now"]
        assert (now["month"], now["total_minor"], now["lines"]) == (str(running), 0, [])
        assert "you owe $0.00 so far" in shown(self.life)
        assert self.told.mails() == []


def test_a_month_is_lived_and_the_words_are_right_at_each_step(life: Life) -> None:
    story = Story(life)
    story.first_days()
    story.forecast_is_above()
    story.half_spent()
    story.late_usage()
    story.corrected()
    story.stripe_down()
    story.stripe_back()
    story.card()
    story.credit_note()
    story.plan_cancelled()


def test_the_examples_of_the_page_are_events_as_they_are(life: Life) -> None:
    """Each example has the members of a real event of its type, of the same kinds."""
    life.item(item_id="all", kind="budget", amount="10", start=str(life.month))
    life.item(item_id="welcome", kind="credit", amount="5", start=f"{life.month}-01")
    life.day(9)
    for day in range(1, 6):
        life.use(day, 1)
    life.use(6, 5)
    life.refresh()
    life.use(7, 1, org="acme", meter="unpriced")
    life.today()
    life.close()
    (life.folder / "prices" / "usd.toml").write_text(
        (life.folder / "prices" / "usd.toml").read_text()
        + '[meters.unpriced]\naggregation = "sum"\nunit = "x"\n[[prices]]\nmeter = "unpriced"\nmodel = "per_unit"\n'
        + "unit_amount = 0.01\n"
    )
    life.close()
    life.sync()
    life.pay("pm_card_declined")
    life.taken_back()
    life.pay("pm_card_visa")
    real = {event["type"]: event for event in life.receiver.events()}
    page = text_of("docs/events.md")
    examples = {
        name: json.loads(text) for name, text in re.findall(r"^### (\S+)\n```json\n(.*?)```", page, re.M | re.S)
    }
    whole = json.loads(page.split("```json")[1].split("```")[0])
    assert set(examples) == set(real) == set(TYPES)
    assert set(whole) == set(real["invoice.finalized"])
    assert whole["data"] == examples["invoice.finalized"]
    for name, example in examples.items():
        assert _shape(example) == _shape(real[name]["data"]), name


def _shape(value: Any) -> Any:
    """Members and kinds of values; sentences as they are, but for what is another one in each month."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, str):
        return re.sub(rf"https?://\S+|{'|'.join(MONTHS)}|[0-9][0-9,.:T+-]*", "…", value) if " " in value else "text"
    return type(value).__name__
