"""Months that were really billed, as FOCUS datasets: an independent reader accepts them, and each cent is there."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from focus_data_toolkit.schema.detection import detect_focus_schema
from sqlalchemy import Engine

from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import total_minor
from flybill_pipeline.exports.focus.datasets import folder_of, write, write_all
from flybill_pipeline.questions.billed import NotBilledYetError, billed, billed_in
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.invoicing.recorded_lines import RecordedInvoice
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.exports.focus.focus_world import ITEMS, NOV, OCT, PRICES, SEP, Bundle, faults, read
from flybill_pipeline_tests.questions.conftest import made_home, toolbox_at
from flybill_pipeline_tests.worlds.billing import BillingWorld
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.project import PROJECT

ORGS = ("acme", "bolt", "idle", "cove", "dime")
"""A credit pays October of cove, with its minimum; what dime uses is carried over."""


@dataclass
class Months:
    """A toolbox, and what was exported of its months."""

    tools: Toolbox
    world: BillingWorld
    folder: Path

    def invoice(self, org: str, month: Month) -> RecordedInvoice | None:
        return next(self.tools.recorded_lines.invoices(month, org_ids=[org]), None)

    def exported(self, org: str, month: Month) -> Bundle:
        return read(self.folder / f"{org}-{month}")


@pytest.fixture(scope="module")
def months(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Months]:
    folder = tmp_path_factory.mktemp("focus")
    made_home(folder)
    (folder / "prices" / "usd.toml").write_text(PRICES)
    with databases.lent() as engine, toolbox_at(engine, folder) as tools:
        world = _world(engine, folder)
        for month in (SEP, OCT, NOV):
            world.close(month)
            for org in ORGS:
                write(billed(tools, org, month), "Example Cloud", folder / f"{org}-{month}")
            if month == SEP:  # late usage of two apps, and one that is taken back
                world.usage.add(SEP, "acme", 333, app="worker")
                world.usage.add(SEP, "acme", -50, app="web")
                world.usage.add(SEP, "acme", 9, "gb", region="syd")
        yield Months(tools, world, folder)


def _world(engine: Engine, folder: Path) -> BillingWorld:
    world = BillingWorld(engine, load_price_books(folder / "prices").books)
    world.org("acme", contract="big", since=OCT)
    world.org("bolt")
    world.org("idle")
    world.org("cove", contract="big", since=OCT)
    world.org("dime")
    (folder / "items.csv").write_text(ITEMS)
    world.items.save(folder / "items.csv", read_items(folder / "items.csv"))
    for month in (SEP, OCT):
        world.usage.add(month, "acme", 1000, app="web", region="iad")
        world.usage.add(month, "acme", "777.7", app="worker")
        world.usage.add(month, "acme", 10, "gb", region="iad")
        world.usage.add(month, "acme", 2001, "emails")
        world.usage.add(month, "acme", "99.99", "sales")
        world.usage.add(month, "acme", 1, "support")
        world.usage.add(month, "acme", 90, "disks")
        world.usage.add(month, "bolt", 3, "disks")
        world.usage.add(month, "cove", 1000, app="web", region="iad")
        world.usage.add(month, "dime", 2, "gb", region="iad")
    return world


CLOSED = [(org, month) for org in ORGS for month in (SEP, OCT, NOV)]


@pytest.mark.parametrize(("org", "month"), CLOSED)
def test_an_independent_reader_finds_nothing_wrong(months: Months, org: str, month: Month) -> None:
    assert faults(months.exported(org, month)) == []


def test_an_independent_reader_knows_each_file_by_its_columns(months: Months) -> None:
    for name, rows in months.exported("acme", OCT).items():
        found = detect_focus_schema(list(rows[0]))
        assert (found.dataset, found.detected_version, found.confidence == "LOW") == (name, "1.4", False)


def test_what_is_billed_is_the_invoice_to_the_cent(months: Months) -> None:
    for org, month in CLOSED:
        invoice = months.invoice(org, month)
        for name in ("Cost and Usage", "Invoice Detail"):
            total = sum(Decimal(row["BilledCost"]) for row in months.exported(org, month)[name])
            assert total == from_minor(total_minor(invoice.lines) if invoice else 0, "usd"), (org, month, name)


def test_duckdb_sums_all_files_to_the_cent_as_the_documentation_says(months: Months) -> None:
    """Whatever is whole, or empty, in one of them and not in another."""
    page = (PROJECT / "docs" / "focus.md").read_text()
    query = page.split("```sql\n")[1].split("```")[0].replace("exports/focus/2026-10", str(months.folder))
    ours = Counter[str]()
    for org, month in CLOSED:
        if (invoice := months.invoice(org, month)) is not None:
            ours[org] += total_minor(invoice.lines)
    found = duckdb.execute(query).fetchall()
    assert {org: 100 * billed for org, billed in found if billed} == ours


def test_each_number_has_a_point_so_that_none_is_taken_for_an_integer(months: Months) -> None:
    for org, month in CLOSED:
        for row in months.exported(org, month)["Cost and Usage"]:
            numbers = [row[name] for name in row if name.endswith(("Cost", "Quantity", "Price")) and row[name]]
            assert all("." in number for number in numbers), row


def test_prices_times_quantities_are_what_the_lines_come_to_before_rounding(months: Months) -> None:
    rows = [row for row in months.exported("acme", SEP)["Cost and Usage"] if row["SkuPriceId"]]
    invoice = months.invoice("acme", SEP)
    assert invoice is not None
    for number, line in enumerate(invoice.lines, start=1):
        of_line = [row for row in rows if row["InvoiceDetailId"] == f"{invoice.number}/{number}"]
        cost = sum(Decimal(row["ContractedUnitPrice"]) * Decimal(row["PricingQuantity"]) for row in of_line)
        assert cost == sum(Decimal(row["ContractedCost"]) for row in of_line) == sum(s.amount for s in line.working)
        consumed = sum(Decimal(row["ConsumedQuantity"] or 0) for row in of_line)
        assert consumed == (line.quantity if line.kind == "usage" else 0)


def test_each_app_has_its_part(months: Months) -> None:
    by_app: Counter[str] = Counter()
    for row in months.exported("acme", SEP)["Cost and Usage"]:
        if row["SkuId"] == "seconds":
            assert row["Tags"] == json.dumps({"app": row["ResourceId"]}, separators=(",", ":"))
            by_app[row["ResourceId"]] += int(Decimal(row["BilledCost"]) * 100)
    assert by_app == {"web": 1158, "worker": 900}


def test_late_usage_is_a_correction_of_the_month_it_was_used_in(months: Months) -> None:
    bundle = months.exported("acme", OCT)
    late = [row for row in bundle["Cost and Usage"] if row["ChargeClass"] == "Correction"]
    assert [(row["ChargeCategory"], row["BilledCost"], row["Tags"], row["x_Quantity"]) for row in late] == [
        ("Usage", "0.64", '{"region":"syd"}', ""),
        ("Usage", "-0.79", '{"app":"web"}', "-50.0"),
        ("Usage", "3.62", '{"app":"worker"}', "333.0"),
    ]
    assert {(row["ChargePeriodStart"], row["BillingPeriodStart"]) for row in late} == {
        ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z")
    }
    september = months.invoice("acme", SEP)
    assert september is not None
    details = {row["InvoiceDetailId"]: row["ReferenceInvoiceId"] for row in bundle["Invoice Detail"]}
    assert {details[row["InvoiceDetailId"]] for row in late} == {september.number}
    others = [row for row in bundle["Cost and Usage"] if row not in late]
    assert {details[row["InvoiceDetailId"]] for row in others} == {others[0]["InvoiceId"]}


def test_what_counts_for_the_minimum_sums_to_it(months: Months) -> None:
    for month in (OCT, NOV):
        bundle = months.exported("acme", month)
        (commitment,) = bundle["Contract Commitment"]
        elements = [
            json.loads(row["ContractApplied"], parse_float=Decimal)["Elements"][0]
            for row in bundle["Cost and Usage"]
            if row["ContractApplied"]
        ]
        assert {element["ContractCommitmentId"] for element in elements} == {commitment["ContractCommitmentId"]}
        applied = sum(Decimal(element["ContractCommitmentAppliedCost"]) for element in elements)
        assert applied == Decimal(commitment["ContractCommitmentCost"]) == 200
        assert (commitment["ContractPeriodStart"], commitment["ContractPeriodEnd"]) == (
            "2025-10-01T00:00:00Z",
            "9999-12-31T00:00:00Z",
        )
    assert months.exported("acme", SEP)["Contract Commitment"] == []


def test_a_discount_is_said_of_what_it_was_taken_off(months: Months) -> None:
    rows = [row for row in months.exported("acme", OCT)["Cost and Usage"] if row["x_LineKind"] == "discount"]
    assert ("Early bird: 12.5% off", "seconds", "-2.57") in {
        (row["ChargeDescription"], row["SkuId"], row["BilledCost"]) for row in rows
    }
    assert {row["ChargeCategory"] for row in rows} == {"Credit"}
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("-5.57")


def test_a_month_that_asks_for_nothing_has_its_period_alone(months: Months) -> None:
    bundle = months.exported("idle", OCT)
    assert {name: len(rows) for name, rows in bundle.items()} == {
        "Cost and Usage": 0,
        "Invoice Detail": 0,
        "Billing Period": 1,
        "Contract Commitment": 0,
    }


def test_a_month_that_no_invoice_asks_for_has_its_usage_and_comes_to_nothing(months: Months) -> None:
    paid, carried = (
        [
            (row["ChargeCategory"], row["ServiceName"], row["BilledCost"])
            for row in months.exported(org, OCT)["Cost and Usage"]
            if row["InvoiceId"] == row["InvoiceDetailId"] == ""
        ]
        for org in ("cove", "dime")
    )
    assert paid == [
        ("Usage", "Machines", "0.0"),
        ("Usage", "Machines", "11.07"),
        ("Usage", "Machines", "1.5"),
        ("Adjustment", "Minimum spend", "187.43"),
        ("Credit", "Credits", "-200.0"),
    ]
    assert carried == [
        ("Usage", "Bandwidth", "0.14"),
        ("Adjustment", "Carried over", "0.14"),
        ("Adjustment", "Carried over", "-0.28"),
    ]
    assert [row["BilledCost"] for row in months.exported("dime", SEP)["Cost and Usage"]] == ["0.14", "-0.14"]
    assert months.exported("cove", OCT)["Invoice Detail"] == months.exported("dime", OCT)["Invoice Detail"] == []


def test_a_month_that_is_not_settled_is_refused(months: Months) -> None:
    with pytest.raises(NotBilledYetError, match=r"2025-12 of acme is not billed yet: `flybill close 2025-12`"):
        billed(months.tools, "acme", NOV.next())


def test_the_whole_month_is_a_folder_for_each_that_was_billed_and_same_again(months: Months, tmp_path: Path) -> None:
    for _ in range(2):
        assert write_all(billed_in(months.tools, OCT), "Example Cloud", tmp_path) == 4
        assert sorted(path.name for path in (tmp_path / "focus" / "2025-10").iterdir()) == [
            *("acme", "bolt", "cove", "dime")
        ]
        assert read(folder_of(tmp_path, OCT, "acme")) == months.exported("acme", OCT)


@pytest.mark.parametrize("org_id", ["..", ".", "a/b", "../../etc", "x" * 300, "Söhne & Co", "con\\aux", "%2E"])
def test_no_id_leads_out_of_the_folder_or_into_anothers(org_id: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, OCT, org_id)
    assert folder.resolve().parent == (tmp_path / "focus" / "2025-10").resolve()
    assert len(folder.name.encode()) <= 255
    assert folder != folder_of(tmp_path, OCT, f"{org_id}x")
