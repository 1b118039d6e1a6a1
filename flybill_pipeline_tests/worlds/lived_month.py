"""A customer's month, day by day, as all sides see it: the page, its JSON, mail, and the platform's events.

Last month is lived by a clock that is set; what happens at Stripe after it happens now. No assertions here.
"""

import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import stripe
from sqlalchemy import Engine, select

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.defs.outgoing import send
from flybill_pipeline.settings import load_settings
from flybill_pipeline.steps.payments.read_payments import read_payments
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.read_landing import read_landing
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.toolbox.closing import bring, finalize, price
from flybill_pipeline.toolbox.telling import mail
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline.web.links import Links
from flybill_pipeline_tests.web.conftest import Answer, Browser, serving
from flybill_pipeline_tests.worlds.databases import with_one_shard
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.mailbox import Mailbox, mail_server
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.receiver import SECRET, Receiver, receiving

PRICES = """
effective_from = 2020-01-01
currency = "usd"
[meters.seconds]
name = "Machines"
aggregation = "sum"
unit = "second"
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = 0.01
show_by = ["app"]
"""
SOURCES = """
[[sources]]
name = "usage"
format = "jsonl"
files = "usage/**/*.jsonl*"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at" }
dimensions = { app = "app" }
"""
PAGES = "https://cloud.example/{org}/{month}"


@dataclass
class Clock:
    """Tells the time that it is set to."""

    tells: Callable[[], datetime]

    def __call__(self) -> datetime:
        return self.tells()


@dataclass
class Life:
    """Acme and its month."""

    tools: Toolbox
    folder: Path
    emulator: EmulatorProcess
    receiver: Receiver
    mailbox: Mailbox
    month: Month
    clock: Clock
    browser: Browser | None = None
    landed: int = 0

    def day(self, number: int) -> None:
        """It is noon of that day of the month."""
        moment = self.month.start + timedelta(days=number - 1, hours=12)
        self.clock.tells = lambda: moment

    def today(self) -> None:
        """It is now."""
        self.clock.tells = lambda: datetime.now(UTC)

    def item(self, **row: str) -> None:
        """Imports an item of acme."""
        row = {"org_id": "acme", "name": row["item_id"], "currency": "usd", **row}
        file = self.folder / "items.csv"
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(row))
            writer.writeheader()
            writer.writerow(row)
        self.tools.items.save(file, read_items(file))

    def use(self, day: int, dollars: int, app: str = "web", org: str = "acme", meter: str = "seconds") -> None:
        """A file lands that tells of usage on that day."""
        self.landed += 1
        at = f"{self.month}-{day:02d}T06:00:00Z"
        row = {"id": f"e{self.landed}", "org": org, "meter": meter, "quantity": 100 * dollars, "at": at, "app": app}
        file = self.tools.landing.root / "usage" / f"{self.landed}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(row) + "\n")
        then = self.tools.now().timestamp()
        os.utime(file, (then, then))

    def refresh(self) -> None:
        """What landed is read, the month is priced, and what there is to tell is sent."""
        tools = self.tools
        read_landing(tools.landing, tools.lake, tools.catalog, tools.now())
        for day in tools.catalog.days_to_record():
            record_day(day, tools.lake, tools.catalog)
        for day in tools.catalog.days_to_record():
            compile_day(day, tools.lake, tools.catalog)
        price(tools, self._part())
        self.tell()

    def close(self) -> None:
        """The month is settled, as far as it can be."""
        self.refresh()
        finalize(self.tools, self._part())
        self.tell()

    def sync(self) -> None:
        """What is settled is brought to Stripe, as far as it answers."""
        self.tools.sync_ledger.breaker.probe_now(self.tools.now())
        bring(self.tools, self._part())
        self.tell()

    def pay(self, method: str) -> None:
        """The customer's card is charged at Stripe; what became of it is read."""
        ((there,),) = self._rows(select(stripe_sync.c.stripe_invoice_id))
        person = stripe.StripeClient("sk_test_x", base_addresses={"api": self.emulator.url})
        with suppress(stripe.CardError):
            person.raw_request("post", f"/v1/invoices/{there}/pay", payment_method=method)
        self.read_payments()

    def taken_back(self) -> None:
        """Stripe pushes that the invoice is void, which it is not: what is told of it can be seen, and life goes on."""
        ((there, seen_at),) = self._rows(select(stripe_sync.c.stripe_invoice_id, stripe_sync.c.heard_at))
        seen = Observation("evt_void", "invoice", there, "void", "usd", 600, seen_at, stripe_invoice_id=there)
        assert self.tools.payment_intake.push(seen)
        self.tell()

    def read_payments(self) -> None:
        """What became of the invoices is read from Stripe."""
        tools = self.tools
        read_payments(intake=tools.payment_intake, stripe=tools.payment_events, clock=tools.stripe_now)
        self.tell()

    def tell(self) -> None:
        """What waits for customers and the platform is sent, as the sensor does it."""
        mail(self.tools)
        send(self.tools)

    def page(self, path: str = "") -> Answer:
        """What the customer's browser shows."""
        assert self.browser is not None
        return self.browser.get(f"/orgs/acme{path}")

    def json(self, path: str = "") -> Any:
        """The same page as a program reads it."""
        assert self.browser is not None
        return json.loads(self.browser.get(f"/orgs/acme{path}", Accept="application/json").text)

    def _rows(self, query: Any) -> list[Any]:
        with self.tools.engine.connect() as connection:
            return list(connection.execute(query))

    def _part(self) -> ShardMonth:
        return ShardMonth(self.month, 0, self.tools.now(), landed_by=self.tools.now())


@contextmanager
def lived(engine: Engine, folder: Path, emulator: EmulatorProcess) -> Iterator[Life]:
    """Last month, before anything happened in it."""
    month = Month.of(datetime.now(UTC)).previous()
    clock = Clock(lambda: month.start)
    (folder / "prices").mkdir()
    (folder / "prices" / "usd.toml").write_text(PRICES)
    (folder / "sources.toml").write_text(SOURCES)
    with mail_server() as mailbox, receiving() as receiver:
        settings = load_settings(
            {
                "FLYBILL_HOME": str(folder),
                "FLYBILL_DATABASE_URL": engine.url.render_as_string(hide_password=False),
                "FLYBILL_PRICES": str(folder / "prices"),
                "FLYBILL_SOURCES": str(folder / "sources.toml"),
                "FLYBILL_SHARDS": "1",
                "FLYBILL_STRIPE_RATE": "1000",
                "FLYBILL_SMTP_URL": mailbox.url,
                "FLYBILL_CUSTOMER_MAIL": "1",
                "FLYBILL_EVENTS_URL": receiver.url,
                "FLYBILL_EVENTS_SECRET": SECRET,
                "FLYBILL_STATEMENT_URL": PAGES,
                "FLYBILL_WEB_URL": "https://billing.example",
                "FLYBILL_CONTACT": "help@billing.example",
                "STRIPE_API_BASE": emulator.url,
                "STRIPE_API_KEY": "sk_test_x",
            }
        )
        with_one_shard(engine)
        tools = replace(build_toolbox(settings), now=clock)
        tools.organizations.save([org_row("acme", name="Acme", email="dev@acme.example")], EVER)
        links = Links(tools.page_links, "of the tests alone, and long enough for that")
        life = Life(tools, folder, emulator, receiver, mailbox, month, clock)
        with serving(tools, links) as port:
            token = links.make("acme", 400, month.start)
            life.browser = Browser(port, {"Authorization": f"Bearer {token}"})
            yield life
        tools.close()
