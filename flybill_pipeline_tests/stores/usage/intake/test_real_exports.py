"""Whole files of exporters, as they are, against sums by Python's own readers. Skipped where the files are not."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flybill_pipeline_tests.docs.test_sources import EXAMPLES
from flybill_pipeline_tests.stores.usage.intake.mapped import source_of
from flybill_pipeline_tests.stores.usage.intake.reading import Read, Reader

REAL = Path(__file__).parents[5] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real exports are not in the project")


def mapping(number: int) -> str:
    """The mapping of this format, as the page has it."""
    return next(each.toml for each in EXAMPLES if each.title.startswith(f"{number}. "))


def read(reader: Reader, name: str, toml: str) -> Read:
    return reader.read(REAL / name, source_of(toml, reader.root))


def sums(found: Read) -> dict[tuple[str, str, str], Decimal]:
    """Org, meter and day → quantity."""
    totals: Any = Counter()
    for event in found.events:
        totals[event["org_id"], event["meter"], f"{event['occurred_at']:%Y-%m-%d}"] += event["quantity"]
    return dict(totals)


def by_hand(name: str, wanted: Callable[[dict[str, str]], tuple[str, str, str, Decimal] | None]) -> tuple[Any, int]:
    """The same sums by the csv module, and how many rows are no usage."""
    totals: Any = Counter()
    left_out = 0
    with (REAL / name).open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            told = wanted(row)
            left_out += told is None
            if told is not None:
                totals[told[:3]] += told[3]
    return dict(totals), left_out


def aws(row: dict[str, str]) -> tuple[str, str, str, Decimal] | None:
    if row["lineItem/LineItemType"] not in ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"):
        return None
    day = row["lineItem/UsageStartDate"][:10]
    return row["lineItem/UsageAccountId"], row["lineItem/UsageType"], day, Decimal(row["lineItem/UsageAmount"])


UNITS = {"1 GB": 1, "1K": 1000, "10K": 10000, "1 Hour": 1, "100 Hours": 100, "1/Month": 1}


def azure(row: dict[str, str]) -> tuple[str, str, str, Decimal] | None:
    month, day, year = map(int, row["Date"].split("/"))
    if row["ChargeType"] != "Usage":
        return None
    quantity = Decimal(row["Quantity"]) * UNITS[row["UnitOfMeasure"]]
    return row["SubscriptionId"], row["MeterId"], f"{year}-{month:02}-{day:02}", quantity


def focus(row: dict[str, str]) -> tuple[str, str, str, Decimal] | None:
    if row["ChargeCategory"] != "Usage":
        return None
    meter = next((row[name] for name in ("SkuPriceId", "SkuId") if row[name] not in ("", "NULL")), "")
    return row["SubAccountId"], meter, row["ChargePeriodStart"][:10], Decimal(row["PricingQuantity"])


@pytest.mark.parametrize(
    ("name", "number", "wanted"),
    [("aws_cur_sample.csv", 2, aws), ("azure_ea_sample.csv", 8, azure)],
)
def test_the_whole_export_is_read_exactly(reader: Reader, name: str, number: int, wanted: Any) -> None:
    found = read(reader, name, mapping(number))
    expected, left_out = by_hand(name, wanted)
    assert [reject["message"] for reject in found.rejects] == []
    assert sums(found) == expected
    assert getattr(found.outcome, "left_out", None) == left_out
    assert len({event["event_id"] for event in found.events}) == len(found.events)


def test_focus_is_read_exactly_but_for_rows_that_name_no_price(reader: Reader) -> None:
    found = read(reader, "focus_sample.csv", mapping(5))
    expected, left_out = by_hand("focus_sample.csv", focus)
    nameless = [key for key in expected if not key[1]]
    assert {reject["reason"] for reject in found.rejects} <= {"meter_missing"}
    assert sums(found) == {key: quantity for key, quantity in expected.items() if key not in nameless}
    assert getattr(found.outcome, "left_out", None) == left_out


OTLP = """
format = "json"
records = "resourceMetrics[].scopeMetrics[].metrics[].*.dataPoints[]"
dimensions = { attribute = "attributes[0].value.*" }
[sources.columns]
event_id = "row"
org_id = "^.^.^.^.resource.attributes[key=service.name].value.*"
occurred_at = { column = "timeUnixNano", unit = "ns" }
[[sources.measures]]
meter = { column = "^.^.name" }
quantity = "asDouble"
[[sources.measures]]
meter = { column = "^.^.name" }
quantity = "sum"
"""


def test_a_whole_document_of_opentelemetry_is_read(reader: Reader) -> None:
    """Its times are of 2018, which no clock of ours believes, so they are moved to 2026."""
    text = (REAL / "otlp_metrics.json").read_text().replace("1544712660300000000", "1791158400300000000")
    points = [
        (metric["name"], point.get("asDouble", point.get("sum")), point["attributes"][0]["value"]["stringValue"])
        for resource in json.loads(text, parse_float=Decimal)["resourceMetrics"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
        for kind in metric.values()
        if isinstance(kind, dict)
        for point in kind["dataPoints"]
    ]
    found = reader.text(text, source_of(OTLP, reader.root))
    told = {
        (e["meter"], e["quantity"], json.loads(e["dimensions"])["attribute"]) for e in found.events
        if e["org_id"] == "my.service" and e["occurred_at"].isoformat() == "2026-10-05T00:00:00.300000"
    }  # fmt: skip
    assert told == set(points)
    assert (len(found.events), found.rejects) == (len(points), [])
