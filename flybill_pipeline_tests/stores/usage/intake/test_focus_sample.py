"""Real usage of three cloud providers, in FOCUS columns, goes through a mapping without a digit lost."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline_tests.conftest import SHARED
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld

SAMPLE = SHARED / "real" / "focus_sample.csv"
SOURCES = """
[[sources]]
name = "focus"
format = "csv"
files = "focus/*.csv"
null_values = ["NULL"]
dimensions = { region = "RegionId" }
[sources.columns]
event_id = "Id"
org_id = "SubAccountId"
meter = "SkuId"
quantity = "PricingQuantity"
occurred_at = "ChargePeriodStart"
"""


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not part of the project")
def test_the_sample_adds_up_to_what_python_reads(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine, SOURCES)
    world.put("focus/sample.csv", SAMPLE.read_bytes())
    report = world.run()
    with SAMPLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    needed = ("Id", "SubAccountId", "SkuId", "PricingQuantity", "ChargePeriodStart")
    whole = [row for row in rows if all(row[name] not in ("NULL", "") for name in needed)]
    assert report.rows == len(whole)
    assert sum(report.quarantined.values()) == len(rows) - len(whole)
    assert len(whole) > 900
    first = {row["Id"]: Decimal(row["PricingQuantity"]) for row in reversed(whole)}
    assert sum(total.quantity for total in world.totals()) == sum(first.values())
    assert sum(total.events for total in world.totals()) == len(first)
