"""A level that lands after its month, and the months after it, were closed: a change, and one that is told."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTHS = ("2025-05", "2025-06", "2025-07", "2025-08")
BOOK = """
effective_from = 2025-01-01
currency = "usd"
[meters.disk_gb]
aggregation = "time_weighted"
unit = "GB-hour"
[meters.seconds]
aggregation = "sum"
unit = "second"
[[prices]]
meter = "disk_gb"
model = "per_unit"
unit_amount = 0.0007
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = 0.01
"""
Change = tuple[str, int]

ON_TIME: dict[str, list[Change]] = {
    "acme": [("2025-05-03T06:00:00Z", 100), ("2025-06-10T00:00:00Z", -30), ("2025-08-01T00:00:00Z", 5)],
    "bolt": [("2025-05-20T00:00:00Z", 80)],
}
TOLD = """
[[sources]]
name = "told"
format = "jsonl"
files = "told/*.jsonl"
levels = "absolute"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at" }
"""
TELLS: list[Change] = [("2025-05-03T06:00:00Z", 100), ("2025-06-10T00:00:00Z", 70), ("2025-08-01T00:00:00Z", 75)]
CAME_TO = ON_TIME["acme"]
CAME_TO_LATE: list[Change] = [*CAME_TO, ("2025-05-17T12:00:00Z", 250), ("2025-06-10T00:00:00Z", -250)]
LATE: Change = ("2025-05-17T12:00:00Z", 250)
GONE: Change = ("2025-07-16T00:00:00Z", -250)


@pytest.fixture(scope="module")
def closed(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """Three months closed, then the late change landed, then the fourth closed."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        flybill.prices("usd.toml", BOOK)
        with (flybill.home / "sources.toml").open("a") as sources:
            sources.write(TOLD)
        flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in (*ON_TIME, "tells", "sums")])
        for org, changes in ON_TIME.items():
            flybill.land(f"{org}.jsonl", [_level(f"{org}{n}", org, change) for n, change in enumerate(changes)])
        flybill.land("told.jsonl", [_level(f"t{n}", "tells", told) for n, told in enumerate(TELLS)], "told")
        flybill.land("seconds.jsonl", [event("s1", "acme", 500, f"{MONTHS[1]}-02T00:00:00Z")])
        for month in MONTHS[:3]:
            assert flybill("close", month).status == 0
        flybill.land("late.jsonl", [_level("late", "acme", LATE), _level("gone", "acme", GONE)])
        flybill.land("told-late.jsonl", [_level("t-late", "tells", (LATE[0], 350))], "told")
        flybill.land("sums.jsonl", [event("sum", "sums", 900, f"{MONTHS[3]}-02T00:00:00Z")], "told")
        assert flybill("close", MONTHS[3]).status == 1  # `sums` is held
        assert emulator.report()["violations"] == []
        yield flybill


def _level(number: str, org: str, change: Change) -> dict[str, Any]:
    return event(number, org, change[1], change[0], "disk_gb")


def worth(changes: Sequence[Change], month: str) -> int:
    """Cents for a month of levels: each change counts from its moment on, at 0.0007 dollars a GB-hour."""
    start, end = Month.parse(month).start, Month.parse(month).end
    hours = Fraction(0)
    for at, amount in changes:
        seconds = max((end - max(datetime.fromisoformat(at), start)).total_seconds(), 0)
        hours += Fraction(int(seconds), 3600) * amount
    cents = hours * 7 / 100
    return int(cents + Fraction(1, 2))


def disk_lines(flybill: Flybill, month: str, org: str) -> dict[str, tuple[str, int]]:
    """Service month → kind and amount of the lines about disks."""
    lines = flybill("owes", org, "--month", month, "--json").json()["lines"]
    return {line["service_month"]: (line["kind"], line["amount_minor"]) for line in lines if line["meter"] == "disk_gb"}


def test_every_month_that_the_late_change_reached_is_adjusted(closed: Flybill) -> None:
    on_time, late = ON_TIME["acme"], [*ON_TIME["acme"], LATE, GONE]
    for month in MONTHS[:3]:
        assert disk_lines(closed, month, "acme") == {month: ("usage", worth(on_time, month))}
    expected = {month: ("adjustment", worth(late, month) - worth(on_time, month)) for month in MONTHS[:3]}
    assert disk_lines(closed, MONTHS[3], "acme") == {**expected, MONTHS[3]: ("usage", worth(late, MONTHS[3]))}
    assert all(amount > 0 for _, amount in expected.values())


def test_a_level_that_is_told_late_holds_until_the_next_and_is_explained(closed: Flybill, tmp_path: Path) -> None:
    for month in MONTHS[:3]:
        assert disk_lines(closed, month, "tells") == {month: ("usage", worth(CAME_TO, month))}
    reached = MONTHS[:2]
    adjusted = {month: ("adjustment", worth(CAME_TO_LATE, month) - worth(CAME_TO, month)) for month in reached}
    assert disk_lines(closed, MONTHS[3], "tells") == {**adjusted, MONTHS[3]: ("usage", worth(CAME_TO, MONTHS[3]))}
    lines = closed("explain", "tells", MONTHS[3], "--json").json()["lines"]
    assert {line["level_before"] for line in lines} == {"350", "70", None}
    assert all(line["unexplained_quantity"] == "0" for line in lines)
    file = tmp_path / "told.jsonl"
    file.write_text("".join(json.dumps(_level(f"p{n}", "tells", told)) + "\n" for n, told in enumerate(TELLS)))
    previewed = closed("preview", str(file), "--source", "told", "--json").json()
    assert previewed["sums"] == [{"org_id": "tells", "meter": "disk_gb", "quantity": "75", "events": 3}]
    assert previewed["sums_are"] == "levels"


def test_nothing_is_billed_again_where_nothing_changed(closed: Flybill) -> None:
    for month in MONTHS:
        assert disk_lines(closed, month, "bolt") == {month: ("usage", worth(ON_TIME["bolt"], month))}
    adjusted = closed.sql("select distinct org_id, meter from flybill.line_items where kind = 'adjustment' order by 1")
    assert adjusted == [("acme", "disk_gb"), ("tells", "disk_gb")]
    assert closed.sql("select month, service_month from flybill.pricing_bases where org_id = 'bolt' order by 1") == [
        (month, month) for month in MONTHS
    ]


def test_levels_that_a_price_book_adds_up_are_billed_to_nobody(closed: Flybill) -> None:
    (held,) = closed("status", MONTHS[3], "--json").json()["failures"]
    assert (held["org_id"], held["code"]) == ("sums", "summed_levels")
    assert "adds 'seconds' up (aggregation = \"sum\"), but rows of 'told' tell what the level is" in held["message"]
    assert closed("owes", "sums", "--month", MONTHS[3], "--json").json()["lines"] == []


def test_invoices_are_verified_and_nothing_is_lost(closed: Flybill) -> None:
    for month in MONTHS:
        assert closed("verify", month).status == 0
    for month in MONTHS[:2]:
        assert closed("close", month).status == 0  # the account is drawn up again, after the late change
    lost = closed.checks()["stripe_reconciliation", "nothing_lost"]
    assert lost == dict.fromkeys(MONTHS, True)
