"""docs/life-of-a-usage-row.md, walked: one row is landed and billed, and becomes every value that the page names.

The page's tables are compared with the classes, the functions and what the row really became, so a name that changes
here and not there fails.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flybill_pipeline.billing.invoicing.bill import Bill, put_together
from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.outcomes import Outcome, decide
from flybill_pipeline.billing.invoicing.settlement import DraftTotal
from flybill_pipeline.billing.pricing.usage_lines import PricedUsage, price_month
from flybill_pipeline.billing.sync.values import StripeInvoice, SyncTask, SyncWork
from flybill_pipeline.billing.usage.files import Arrival, LandedFile, Manifest, Rollup, Taken
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.price_org import price_org
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.tasks import Tasks
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.take import take_file
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline.stores.usage.lake.days import make_manifest
from flybill_pipeline.stores.usage.lake.lake import Total, UsageLake
from flybill_pipeline.stores.usage.lake.summed_days import make_rollup
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline.stripe_gateway.mapping import invoice_params, line_params, read_invoice
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.worlds.deployment import Deployments
from flybill_pipeline_tests.worlds.emulator import Emulators
from flybill_pipeline_tests.worlds.recording import Maker, Results, recorded

PAGE = "docs/life-of-a-usage-row.md"
MONTH = "2025-10"
BOOK = """
effective_from = 2025-01-01
currency = "usd"
[meters.seconds]
aggregation = "sum"
unit = "second"
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = 0.001
"""


@dataclass(frozen=True)
class Stop:
    """One value that the row becomes, who makes it, and what the value says of the row."""

    value: type
    maker: Maker
    says: Callable[[Any], str]


STOPS = (
    Stop(LandedFile, Landing.files, lambda file: f"source `{file.source}`, {file.size} bytes"),
    Stop(Arrival, LakeCatalog.arrivals, lambda arrival: f"number {arrival.number}, version {arrival.version}"),
    Stop(Taken, take_file, lambda taken: f"{taken.rows} good row, in the `Piece` of {taken.pieces[0].day}"),
    Stop(Manifest, make_manifest, lambda day: f"{day.rows} row of {day.day} counts, {day.duplicates} repeated"),
    Stop(Rollup, make_rollup, lambda rollup: f"{rollup.groups} total, made of {rollup.events} event"),
    Stop(
        Total,
        UsageLake.monthly_totals,
        lambda total: f"`{total.org_id}`: {shortest(total.quantity)} of `{total.meter}`",
    ),
    Stop(
        OrgUsage,
        MonthlyUsage.of_month,
        lambda usage: f"a {named(usage.totals[0])} of {shortest(usage.totals[0].quantity)}",
    ),
    Stop(
        PricedUsage,
        price_month,
        lambda priced: f"a {named(priced.lines[0])} of {shortest(priced.lines[0].amount)} dollars",
    ),
    Stop(Bill, put_together, lambda bill: f"{len(bill.lines)} line, {bill.total_minor} cents"),
    Stop(Draft, price_org, lambda draft: f"{draft.total_minor} cents {draft.currency}, with a hash"),
    Stop(DraftTotal, Invoices.open_drafts, lambda total: f"{total.total_minor} cents, {len(total.problems)} problems"),
    Stop(Outcome, decide, lambda outcome: f"`{outcome.outcome}`"),
    Stop(SyncWork, SyncLedger.open_work, lambda work: f"`{work.invoice_id[:10]}…`, {work.subtotal_minor} cents"),
    Stop(
        SyncTask,
        Tasks.read,
        lambda task: f"a {named(task.invoice)} `{task.invoice.number}`, a {named(task.invoice.lines[0])}",
    ),
    Stop(dict, invoice_params, lambda sent: f"metadata: {sent['metadata']['flybill_subtotal_minor']} cents"),
    Stop(dict, line_params, lambda sent: f"amount {sent['amount']}"),
    Stop(StripeInvoice, read_invoice, lambda there: f"`{there.status}`, {there.subtotal_minor} cents"),
)


def named(value: object) -> str:
    return f"`{type(value).__name__}`"


def shortest(number: Any) -> str:
    return format(number.normalize(), "f")


def file_of(maker: Maker) -> str:
    return str(Path(inspect.getsourcefile(inspect.unwrap(maker)) or "").relative_to(PROJECT / "flybill_pipeline"))


def rows_of_the_page() -> list[list[str]]:
    """The cells of all tables: number, value, what it says, who makes it, where."""
    rows = re.findall(r"^\| *(\d+) *\|(.*)\|$", text_of(PAGE), re.MULTILINE)
    return [[number, *(cell.strip() for cell in cells.split("|"))] for number, cells in rows]


def row_that_lands() -> dict[str, Any]:
    """The row as the page shows it."""
    shown = re.search(r"^\{.*\}$", text_of(PAGE), re.MULTILINE)
    assert shown is not None
    row: dict[str, Any] = json.loads(shown[0])
    return row


@pytest.fixture(scope="module")
def life(deploy: Deployments, emulators: Emulators) -> Iterator[Results]:
    """Everything that the makers gave back while the row was landed and its month closed."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        flybill.prices("usd.toml", BOOK)
        flybill.import_orgs([{"org_id": "acme", "name": "Acme", "currency": "usd"}])
        flybill.land("row.jsonl", [row_that_lands()])
        with recorded(stop.maker for stop in STOPS) as results:
            closed = flybill("close", MONTH, "--json")
        assert closed.status == 0, closed
        report = emulator.report()
        assert (report["invoices"], report["violations"]) == ({"open": 1}, [])
        yield results


def test_the_page_names_every_value_and_its_maker_in_order() -> None:
    told = [[number, value, maker, where] for number, value, _, maker, where in rows_of_the_page()]
    assert told == [
        [str(number), f"`{stop.value.__name__}`", f"`{stop.maker.__qualname__}`", f"`{file_of(stop.maker)}`"]
        for number, stop in enumerate(STOPS, start=1)
    ]


def test_the_row_becomes_each_of_them_one_after_the_other(life: Results) -> None:
    when = {maker: place for place, (maker, _) in enumerate(life)}  # the last time: Stripe's answers are read all along
    for asked_again in (LakeCatalog.arrivals, Landing.files):  # before the month is finalized: has anything landed?
        when[asked_again] = next(place for place, (maker, _) in enumerate(life) if maker is asked_again)
    assert sorted(when, key=lambda maker: when[maker]) == [stop.maker for stop in STOPS]


@pytest.mark.parametrize("number", range(len(STOPS)), ids=[stop.maker.__qualname__ for stop in STOPS])
def test_each_says_of_the_row_what_the_page_tells(number: int, life: Results) -> None:
    stop = STOPS[number]
    made = [value for maker, value in life if maker is stop.maker]
    assert {type(value) for value in made} == {stop.value}
    assert stop.says(made[-1]) == rows_of_the_page()[number][2]


def test_the_line_is_the_row(life: Results) -> None:
    row = row_that_lands()
    (priced,) = [value for maker, value in life if maker is price_month]
    (line,) = priced.lines
    assert (str(line.usage.normalize()), line.meter, str(line.service_month)) == (row["quantity"], row["meter"], MONTH)
