"""Three invoices as their page at Stripe shows them, beside `flybill owes`: to be looked at, by a person, in a browser.

    python -m flybill_pipeline_tests.stripe_pages FOLDER

Belongs here: a made-up month and its pictures, made of nothing but what Stripe's stand-in answers. No assertions.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from stripe import StripeClient

from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.project import PROJECT

KEY = "sk_test_pages"
BEFORE, MONTH = "2025-09", "2025-10"
BOOK = """
effective_from = 2025-01-01
currency = "usd"
[meters.machine_seconds]
name = "Machines"
aggregation = "sum"
unit = "second"
[meters.bandwidth_gb]
name = "Bandwidth"
aggregation = "sum"
unit = "GB"
[meters.requests]
name = "Requests"
aggregation = "sum"
unit = "request"
[meters.cpu]
name = "CPU"
aggregation = "sum"
unit = "hour"
[[prices]]
meter = "machine_seconds"
match = { size = "performance-1x" }
show_by = ["app"]
model = "graduated"
tiers = [{ up_to = 100000, unit_amount = 0.0008 }, { unit_amount = 0.0006, flat_amount = 2 }]
[[prices]]
meter = "bandwidth_gb"
group_by = ["region"]
model = "graduated"
tiers = [{ up_to = 100, unit_amount = 0 }, { unit_amount = 0.02 }]
[[prices]]
meter = "requests"
model = "package"
package_size = 1000000
unit_amount = 0.5
free_units = 5000000
[[prices]]
meter = "cpu"
group_by = ["app", "size"]
model = "per_unit"
unit_amount = 0.031
"""
JPY = BOOK.replace('"usd"', '"jpy"').replace('"Machines"', '"マシン"').replace('"second"', '"秒"').replace("0.0", "1.0")
SOURCES = """
[[sources]]
name = "usage"
format = "jsonl"
files = "usage/*.jsonl"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at" }
dimensions = { region = "region", app = "app", size = "size" }
"""
ORGS = (
    {
        "org_id": "acme",
        "name": "Acme Inc.",
        "currency": "usd",
        "purchase_order": "PO-2025-0815",
        "tax_id": "DE123456789",
    },
    {"org_id": "nihon", "name": "日本クラウド株式会社", "currency": "jpy", "purchase_order": "", "tax_id": ""},
    {"org_id": "large", "name": "Large & Sons <Ltd>", "currency": "usd", "purchase_order": "", "tax_id": ""},
)
ITEMS = (
    {
        "item_id": "plan",
        "kind": "subscription",
        "name": "Team plan",
        "currency": "usd",
        "amount": "29",
        "start": "2025-09-01",
    },
    {"item_id": "friends", "kind": "discount", "name": "Friends", "percent": "10", "start": "2025-10"},
    {
        "item_id": "start",
        "kind": "credit",
        "name": "Start-up credit",
        "currency": "usd",
        "amount": "50",
        "start": "2025-09-01",
    },
)
STYLE = """
body { font: 14px/1.45 system-ui, "DejaVu Sans", "Noto Sans CJK JP", sans-serif; color: #1a1f36; margin: 24px;
  width: 1800px; display: grid; grid-template-columns: 640px 1fr; gap: 40px }
.page { border: 1px solid #e3e8ee; border-radius: 8px; padding: 32px }
h1 { font-size: 20px; margin: 0 0 16px } .grey { color: #697386 } table { width: 100%; border-collapse: collapse }
th { text-align: left; color: #697386; font-weight: normal; border-bottom: 1px solid #e3e8ee }
td { padding: 6px 8px 6px 0; vertical-align: top; border-bottom: 1px solid #f2f4f7; overflow-wrap: anywhere }
td.amount, th.amount { text-align: right; white-space: nowrap } .total td { font-weight: 600 }
pre { font-size: 11px }
"""


def usage() -> Iterable[dict[str, Any]]:
    """What the three used in October, and what of September comes late."""
    day = f"{MONTH}-05T10:00:00Z"
    for number, app in enumerate(("web", "api", "worker", "👩‍💻 playground", "")):
        for org in ("acme", "nihon"):
            at = {"org": org, "at": day, "app": app, "size": "performance-1x"}
            yield {"id": f"m{number}{org}", "meter": "machine_seconds", "quantity": 90000 // (number + 1), **at}
    for region, quantity in (("fra", "3056.125"), ("iad", "64"), ("syd", "100.5")):
        yield {"id": region, "org": "acme", "meter": "bandwidth_gb", "quantity": quantity, "at": day, "region": region}
    yield {"id": "r", "org": "acme", "meter": "requests", "quantity": 12_345_678, "at": day}
    yield {"id": "jp", "org": "nihon", "meter": "bandwidth_gb", "quantity": "420.7", "at": day, "region": "東京" * 60}
    for number in range(300):
        at = {"org": "large", "at": day, "app": f"app-{number % 120}", "size": f"shared-{number % 7}"}
        yield {"id": f"c{number}", "meter": "cpu", "quantity": f"{number * 7 % 90}.5", **at}


class Commands:
    """Commands of a deployment of its own in `folder`."""

    def __init__(self, folder: Path, stripe: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLYBILL_", "STRIPE_"))}
        named = {"HOME": "home", "PRICES": "prices", "SOURCES": "sources.toml"}
        self._environment = {
            **kept,
            **{f"FLYBILL_{name}": str(folder / file) for name, file in named.items()},
            "FLYBILL_STATEMENT_URL": "https://cloud.example/usage/{org}?month={month}",
            "STRIPE_API_BASE": stripe,
            "STRIPE_API_KEY": KEY,
            "PYTHONPATH": str(PROJECT),
        }

    def __call__(self, *arguments: str) -> str:
        """What the command prints."""
        command = [sys.executable, "-m", "flybill_pipeline.cli", *arguments]
        ran = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            print(ran.stdout, ran.stderr, file=sys.stderr)  # noqa: T201
        return ran.stdout

    def csv(self, name: str, rows: Sequence[Mapping[str, str]]) -> str:
        """A file with these rows."""
        with (self.folder / name).open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        return str(self.folder / name)

    def land(self, name: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Lands these events."""
        (self.folder / name).write_text("".join(json.dumps(each) + "\n" for each in events))
        self("land", str(self.folder / name), "--source", "usage")


def bill(flybill: Commands) -> None:
    """Closes two months; between them usage of the first comes late."""
    (flybill.folder / "prices").mkdir(parents=True, exist_ok=True)
    (flybill.folder / "prices" / "usd.toml").write_text(BOOK)
    (flybill.folder / "prices" / "jpy.toml").write_text(JPY)
    (flybill.folder / "sources.toml").write_text(SOURCES)
    flybill("import-orgs", flybill.csv("orgs.csv", ORGS))
    flybill("import-items", flybill.csv("items.csv", [{"org_id": "acme", **item} for item in ITEMS]))
    early = {"org": "acme", "meter": "machine_seconds", "app": "web", "size": "performance-1x"}
    flybill.land("september.jsonl", [{"id": "s", "quantity": 110000, "at": f"{BEFORE}-05T10:00:00Z", **early}])
    flybill("close", BEFORE)
    late = {**early, "id": "late", "quantity": 50000, "app": "api", "at": f"{BEFORE}-25T10:00:00Z"}
    flybill.land("october.jsonl", [late, *usage()])
    flybill("close", MONTH)


def pages(flybill: Commands, stripe: str) -> Iterable[tuple[str, str]]:
    """The name and the HTML of each organization's invoice of October, with its statement beside it."""
    client = StripeClient(KEY, base_addresses={"api": stripe})
    invoices = [each.to_dict() for each in client.v1.invoices.list({"limit": 100}).auto_paging_iter()]
    for org in ORGS:
        chosen = (org["org_id"], MONTH)
        (invoice,) = (
            each
            for each in invoices
            if (each["metadata"]["flybill_org_id"], each["metadata"]["flybill_month"]) == chosen
        )
        listed = client.v1.invoices.line_items.list(invoice["id"], {"limit": 100}).auto_paging_iter()
        statement = flybill("owes", *(chosen[0], "--month", MONTH))
        yield org["org_id"], page(invoice, [line.to_dict() for line in listed], statement)


def page(invoice: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], statement: str) -> str:
    """The page of an invoice, and the text beside it. Nothing foreign becomes markup."""
    currency = invoice["currency"]
    fields = [(each["name"], each["value"]) for each in invoice["custom_fields"] or ()]
    head = [("Invoice number", invoice["number"]), ("Bill to", invoice["customer_name"]), *fields]
    rows = "".join(
        f"<tr><td>{escape(line['description'])}<div class=grey>{_period(line['period'])}</div></td>"
        f"<td>{line['quantity']}</td><td class=amount>{_money(line['amount'], currency)}</td></tr>"
        for line in lines
    )
    totals = [("Subtotal", invoice["subtotal"]), ("Total", invoice["total"]), ("Amount due", invoice["amount_due"])]
    return (
        f"<!doctype html><meta charset=utf-8><title>{escape(str(invoice['number']))}</title><style>{STYLE}</style>"
        f"<div class=page><h1>Invoice</h1><table>{''.join(map(_field, head))}</table>"
        f"<p>{escape(invoice['description'] or '')}</p>"
        "<table><tr><th>Description<th>Qty<th class=amount>Amount</tr>"
        f"{rows}{''.join(_total(name, _money(amount, currency)) for name, amount in totals)}</table>"
        f"<p class=grey>{escape(invoice['footer'] or '')}</p></div><pre>{escape(statement)}</pre>"
    )


def _field(field: tuple[str, Any]) -> str:
    return f"<tr><td class=grey>{escape(field[0])}<td>{escape(str(field[1]))}</tr>"


def _total(name: str, amount: str) -> str:
    return f"<tr class=total><td>{name}<td><td class=amount>{amount}</tr>"


def _period(period: Mapping[str, int]) -> str:
    start, end = (datetime.fromtimestamp(period[edge], UTC) for edge in ("start", "end"))
    return f"{start:%b} {start.day} to {end:%b} {end.day}, {end.year}"


def _money(minor: int, currency: str) -> str:
    return f"{currency.upper()} {minor:,}" if currency == "jpy" else f"{currency.upper()} {minor / 100:,.2f}"


def main() -> None:
    """Makes the month, and writes a page for each organization into the folder."""
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with EmulatorProcess(folder / "stripe.sqlite") as emulator:
        flybill = Commands(folder, emulator.url)
        bill(flybill)
        for name, text in pages(flybill, emulator.url):
            (folder / f"{name}.html").write_text(text)


if __name__ == "__main__":
    main()
