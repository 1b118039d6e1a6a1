"""A small month closed, credited and reconciled against any server that speaks as Stripe does; by hand, never in tests.

    python -m flybill_pipeline_tests.second_stand_in URL [--key sk_test_…]

Prints each thing that was done, what Stripe would answer and what this server answered, and ends with 1 if something
differs. First request by request, as flybill sends them; then the month through the sync, the credit notes and the
reconciliation themselves. Nothing here knows whose fault a difference is: look at Stripe's own description.

Ours: `flybill emulator --port 8421`, then the URL http://127.0.0.1:8421. One of strangers is `seahaven-stripe-world`:
with Python 3.14, `pip install seahaven-stripe-world`, start its server as its page says, and give its URL. It refuses
`discounts` and `automatic_tax`, and loses the metadata of an invoice (both are its own: Stripe takes and keeps them).
`localstripe` 1.15.10 knows no invoice with a currency, so the month ends there at its first invoice: told, and unsent.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Engine
from stripe import StripeClient, StripeError

from flybill_pipeline.billing.payments.credit_notes import CreditRefusedError, CreditRequest
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.local.postgres import serving
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.steps.sync.sync_invoices import sync_invoices
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.worlds.databases import fresh_databases, migrated

KEY = "sk_test_second"
ORGS, LINES = 3, (3, 121)
PATIENCE = timedelta(seconds=20)
Json = Mapping[str, Any]


class Row(NamedTuple):
    """One thing that was done: what Stripe would answer, and what this server did."""

    done: str
    stripe: str
    here: str

    @property
    def differs(self) -> bool:
        """Whether this server is not as Stripe."""
        return self.stripe != self.here


@dataclass(frozen=True)
class Request:
    """One request as flybill sends it; `wanted` are fields of the answer, `keeps` names its id for later paths."""

    method: str
    path: str
    params: Json
    wanted: Json
    keeps: str = ""


REQUESTS = (
    Request(
        "post",
        "customers",
        {"name": "Acme", "email": "a@example.com", "metadata": {"flybill_org_id": "acme"}},
        {"object": "customer", "metadata": {"flybill_org_id": "acme"}},
        "customer",
    ),
    Request("post", "customers/{customer}", {"name": "Acme Inc."}, {"name": "Acme Inc."}),
    Request("post", "customers/{customer}/tax_ids", {"type": "eu_vat", "value": "DE123456789"}, {"type": "eu_vat"}),
    Request("get", "customers/{customer}/tax_ids", {"limit": 100}, {"object": "list"}),
    Request(
        "post",
        "invoices",
        {
            "customer": "{customer}",
            "currency": "usd",
            "auto_advance": False,
            "collection_method": "charge_automatically",
            "pending_invoice_items_behavior": "exclude",
            "discounts": "",
            "automatic_tax": {"enabled": False},
            "number": "FB-2026-10-000001",
            "metadata": {"flybill_invoice_id": "inv_1"},
        },
        {"status": "draft", "metadata": {"flybill_invoice_id": "inv_1"}, "number": "FB-2026-10-000001"},
        "invoice",
    ),
    Request(
        "post",
        "invoices/{invoice}/add_lines",
        {"lines": [{"amount": 1190, "description": "Usage", "metadata": {"flybill_line_id": "line_1"}}]},
        {"status": "draft", "subtotal": 1190, "total_excluding_tax": 1190},
    ),
    Request("get", "invoices/{invoice}/lines", {"limit": 100}, {"object": "list"}),
    Request("post", "invoices/{invoice}/finalize", {"auto_advance": True}, {"status": "open", "amount_due": 1190}),
    Request("get", "invoices", {"customer": "{customer}", "limit": 100}, {"object": "list"}),
    Request("get", "credit_notes", {"invoice": "{invoice}", "limit": 100}, {"object": "list"}),
    Request("post", "invoices/{invoice}/pay", {"paid_out_of_band": True}, {"status": "paid"}),
    Request("get", "events", {"limit": 1, "types": ["invoice.paid"]}, {"object": "list"}),
)


def requests_one_by_one(client: StripeClient) -> Iterator[Row]:
    """Each request as flybill sends it, alone; one that builds on what was refused is not sent."""
    known: dict[str, str] = {}
    for request in REQUESTS:
        done = f"{request.method.upper()} {request.path}"
        wanted = _shown(request.wanted, request.wanted)
        try:
            path, params = request.path.format(**known), _filled(request.params, known)
            answer = client.raw_request(request.method, f"/v1/{path}", **params).data
        except KeyError as error:
            yield Row(done, wanted, f"not sent: no {error.args[0]}")
        except StripeError as error:
            yield Row(done, wanted, f"{error.http_status}: {' '.join(str(error.user_message or error).split())}")
        else:
            yield Row(done, wanted, _shown(request.wanted, answer))
            if request.keeps:
                known[request.keeps] = answer["id"]


def _shown(fields: Json, answer: Json) -> str:
    return ", ".join(f"{field} {json.dumps(answer.get(field))}" for field in fields)


def _filled(params: Json, known: Mapping[str, str]) -> dict[str, Any]:
    return {name: value.format(**known) if isinstance(value, str) else value for name, value in params.items()}


def whole_month(engine: Engine, url: str, key: str) -> Iterator[Row]:
    """The month through the sync, two credit notes, and the comparison with the server's own list."""
    plant(engine, ORGS - 1, lines=LINES[0])
    plant(engine, 1, lines=LINES[1], first=ORGS - 1)
    gateway = Gateway(key, base=url, limiter=Limiter(24, 24))
    options = RunOptions(1, PATIENCE, _now, time.sleep, stripe_clock=gateway.clock.reading)
    with SyncLedger(engine) as ledger:
        report = sync_invoices(SyncScope(MONTH), ledger=ledger, stripe=gateway, options=options)
    why = sorted({f"{failure.code}: {failure.message}" for failure in report.failures})
    stopped = [report.stopped] if report.stopped else []
    yield Row("close", f"{ORGS} finalized", "; ".join([f"{report.finalized} finalized", *why, *stopped]))
    yield Row("calls of an invoice", "4", str(round(report.calls / ORGS)))
    for org_id in ("org00000", f"org{ORGS - 1:05d}"):
        yield Row(f"credit note of {org_id}", "issued", _credited(engine, gateway, org_id))
    found = reconcile(MONTH, ours=Billed(engine), theirs=InvoiceListing(gateway), sleep=time.sleep)
    rows = found.differences.to_dict("records")
    yield Row("reconcile", "no difference", str(found.failure or rows or "no difference"))


def _credited(engine: Engine, gateway: Gateway, org_id: str) -> str:
    with closing(CreditNotes(engine)) as ledger:
        try:
            ledger.request(CreditRequest(org_id, MONTH, 1, "0.50", "sorry", "ada", 1), _now())
        except CreditRefusedError as error:
            return str(error)
        report = issue_credit_notes(
            ledger.pending(MONTH),
            ledger=ledger,
            stripe=gateway,
            patience=PATIENCE,
            clock=_now,
            sleep=time.sleep,
        )
    return "issued" if report.issued else str(report)


def _now() -> datetime:
    return datetime.now(UTC)


def compared(engine: Engine, url: str, key: str = KEY) -> list[Row]:
    """Everything that is done, in order."""
    client = StripeClient(key, base_addresses={"api": url}, max_network_retries=0)
    return [*requests_one_by_one(client), *whole_month(engine, url, key)]


def main(say: Callable[[str], object] = sys.stdout.write) -> int:
    """Prints the table; 1 if something differs."""
    parser = argparse.ArgumentParser(prog="python -m flybill_pipeline_tests.second_stand_in", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--key", default=KEY)
    options = parser.parse_args()
    with (
        serving(Path(f"/tmp/flybill-second-{uuid4().hex[:8]}"), keep=False) as postgres,
        fresh_databases(postgres, "second", template=migrated(postgres)) as (database,),
    ):
        engine = open_engine(database)
        rows = compared(engine, options.url, options.key)
        engine.dispose()
    for row in rows:
        say(f"{'differs' if row.differs else 'as Stripe':10} {row.done:40} {row.here}\n")
        if row.differs:
            say(f"{'':10} {'':40} Stripe: {row.stripe}\n")
    return int(any(row.differs for row in rows))


if __name__ == "__main__":
    sys.exit(main())
